/*
title:    Date can't be read
severity: major
action:   query
message:  {page}: {label} is {value}, which is not a date. Please enter the date, as far as it is known.
items:    (type = 'date' AND NOT blank(collected)) OR (domain, field) IN (SELECT domain, collected FROM fields WHERE type = 'date' AND NOT blank(collected))

The collected text is there but its derived date is empty: a day that the calendar lacks, a year of two figures, another order of day and month than
the transfer specification says. Texts for not known or not done (UN UNK UNKN, ND) are answers and not reported.
*/
WITH wanted AS (
    SELECT domain, field, field AS derived, label, 'derived' AS part FROM fields WHERE type = 'date' AND NOT blank(collected)
    UNION ALL
    SELECT domain, collected, field, label, 'text' FROM fields WHERE type = 'date' AND NOT blank(collected)
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
