/*
title:    Number can't be read
severity: minor
action:   query
message:  {page}: {label} is {value}, which is not a number. Please enter a number, with the unit in its own field.
items:    (type IN ('number', 'integer') AND NOT blank(collected)) OR (domain, field) IN (SELECT domain, collected FROM fields WHERE type IN ('number', 'integer') AND NOT blank(collected))

The collected text is there but its derived number is empty. Results of laboratory, electrocardiogram and questionnaires may be texts and are
left out (see LB002), and so are doses of concomitant medication, which may be ranges and combinations. Texts for not known or not done are accepted.
*/
WITH wanted AS (
    SELECT domain, field, field AS derived, label, 'derived' AS part FROM fields WHERE type IN ('number', 'integer') AND NOT blank(collected) AND domain NOT IN ('lb', 'eg', 'qs', 'cm')
    UNION ALL
    SELECT domain, collected, field, label, 'text' FROM fields WHERE type IN ('number', 'integer') AND NOT blank(collected) AND domain NOT IN ('lb', 'eg', 'qs', 'cm')
),
seen AS MATERIALIZED (  -- the long view is read once
    SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, i.domain, i.field, i.value, w.derived, w.label, w.part
    FROM   items AS i
    JOIN   wanted AS w ON w.domain = i.domain AND w.field = i.field
    WHERE  (w.part = 'text') = (i.value IS NOT NULL)
)
SELECT t.record_key, t.siteid, t.subjid, t.visit, t.form, concat_ws(' ', coalesce(nullif(trim(t.form), ''), form_name(t.domain)), t.visit) AS page,
       t.domain, t.field, t.label, t.value
FROM   seen AS t
JOIN   seen AS d ON d.domain = t.domain AND d.record_key = t.record_key AND d.derived = t.derived AND d.part = 'derived'
WHERE  t.part = 'text'
AND    NOT blank(t.value)
AND    NOT unknown_text(t.value)
