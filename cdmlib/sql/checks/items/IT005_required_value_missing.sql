/*
title:    Required value is missing
severity: major
action:   query
message:  {page}: {label} is missing. Please enter it.
items:    required = 'Y' OR field IN (concat(domain, 'yn'), concat(domain, 'perf'), concat(domain, 'occur'), concat(domain, 'stat')) OR (domain, field) IN (SELECT domain, unnest([collected, shown_field]) FROM fields WHERE required = 'Y')

For fields that the study's specification requires; one that depends on another field only when that field has it asked. A record that is answered as none, not done or not performed is left out, and so is an empty date or number
whose collected text is there (IT001, IT003). Fields with a check of their own are left to it: term and start of an
adverse event (AE001, AE002), medication (CM001), sex, consent date
and race (DM001, DM004, DM009), disposition date (DS004), dose (EX003), results (VS004, LB001).
*/
WITH needed AS (
    SELECT domain, field, label, collected, shown_field, shown_values
    FROM   fields
    WHERE  required = 'Y'
    AND    concat(domain, '.', field) NOT IN (
               'ae.aeterm', 'ae.aestdat', 'ae.aestdtc', 'cm.cmtrt', 'dm.sex', 'dm.rficdat', 'dm.rficdtc', 'dm.race', 'ds.dsstdat', 'ds.dsstdtc', 'ex.exdstxt',
               'ex.exdose', 'vs.vsorres', 'vs.vsorresn', 'lb.lborres', 'lb.lborresn')
),
missing AS (
    SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, i.domain, i.field, n.label, i.value, n.collected, n.shown_field, n.shown_values
    FROM   items AS i
    JOIN   needed AS n ON n.domain = i.domain AND n.field = i.field
    WHERE  blank(i.value)
),
explained AS (
    SELECT domain, record_key
    FROM   items
    WHERE  (field IN (concat(domain, 'yn'), concat(domain, 'perf'), concat(domain, 'occur')) AND upper(trim(value)) IN ('N', 'NO'))
    OR     (field = concat(domain, 'stat') AND upper(trim(value)) = 'NOT DONE')
)
SELECT m.record_key, m.siteid, m.subjid, m.visit, m.form, concat_ws(' ', coalesce(nullif(trim(m.form), ''), form_name(m.domain)), m.visit) AS page,
       m.domain, m.field, m.label, m.value
FROM   missing AS m
WHERE  NOT EXISTS (SELECT 1 FROM explained AS e WHERE e.domain = m.domain AND e.record_key = m.record_key)
AND    NOT EXISTS (
           SELECT 1
           FROM   items AS c
           WHERE  c.domain = m.domain AND c.record_key = m.record_key AND c.field = m.collected AND NOT blank(c.value)
       )
AND    (m.shown_field IS NULL OR EXISTS (
           SELECT 1
           FROM   items AS s
           WHERE  s.domain = m.domain AND s.record_key = m.record_key AND s.field = m.shown_field AND in_list(s.value, m.shown_values)
       ))
