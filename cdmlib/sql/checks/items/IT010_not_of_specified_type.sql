/*
title:    Value is not of the specified type
severity: major
action:   query
message:  {page}: {label} is {value}, but {expected} is expected. Please correct the value.

For fields to which the study's specification gives a type: number, whole number or date. A field from which the library itself derives a date or
a number is left to IT001 and IT003, except that a number which is not whole is reported here. Texts for not known or not done are accepted.
*/
WITH typed AS (
    SELECT f.domain, f.field, f.label, f.spec_type, count(d.field) > 0 AS derived
    FROM   fields AS f
    LEFT JOIN fields AS d ON d.domain = f.domain AND d.collected = f.field AND d.type IN ('date', 'number', 'integer')
    WHERE  f.spec_type IN ('number', 'integer', 'date')
    GROUP BY f.domain, f.field, f.label, f.spec_type
)
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, t.label, i.value,
       CASE t.spec_type WHEN 'number' THEN 'a number' WHEN 'integer' THEN 'a whole number' ELSE 'a date' END AS expected
FROM   items AS i
JOIN   typed AS t ON t.domain = i.domain AND t.field = i.field
WHERE  NOT blank(i.value)
AND    NOT unknown_text(i.value)
AND    ((t.spec_type IN ('number', 'integer') AND num(i.value) IS NULL AND NOT t.derived)
        OR (t.spec_type = 'integer' AND num(i.value) <> trunc(num(i.value)))
        OR (t.spec_type = 'date' AND iso_date(i.value) IS NULL AND NOT t.derived))
