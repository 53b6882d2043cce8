/*
title:    Value is not of the specified type
severity: major
action:   query
message:  {page}: {label} is {value}, but {expected} is expected. Please correct the value.
items:    spec_type IN ('number', 'integer', 'date')

For fields to which the study's specification gives a type: number, whole number or date. A field from which the library itself derives a date or
a number is left to IT001 and IT003, except that a number which is not whole is reported here, and so is a
dose of concomitant medication in words. Texts for not known or not done are accepted.
*/
WITH typed AS (
    SELECT f.domain, f.field, f.label, f.spec_type, count(d.field) > 0 AS derived
    FROM   fields AS f
    LEFT JOIN fields AS d ON d.domain = f.domain AND d.collected = f.field AND d.type IN ('date', 'number', 'integer')
         AND NOT (d.domain = 'cm' AND d.type <> 'date')
    WHERE  f.spec_type IN ('number', 'integer', 'date')
    GROUP BY f.domain, f.field, f.label, f.spec_type
),
seen AS MATERIALIZED (
    SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, i.domain, i.field, i.value, t.label, t.spec_type, t.derived
    FROM   items AS i
    JOIN   typed AS t ON t.domain = i.domain AND t.field = i.field
    WHERE  i.value <> ''
),
tried AS MATERIALIZED (
    SELECT record_key, siteid, subjid, visit, form, domain, field, value, label, spec_type, derived, num(value) AS number,
           CASE WHEN spec_type = 'date' THEN iso_date(value) END AS day
    FROM   seen
)
SELECT record_key, siteid, subjid, visit, form, concat_ws(' ', coalesce(nullif(trim(form), ''), form_name(domain)), visit) AS page,
       domain, field, label, value, CASE spec_type WHEN 'number' THEN 'a number' WHEN 'integer' THEN 'a whole number' ELSE 'a date' END AS expected
FROM   tried
WHERE  NOT blank(value)
AND    NOT unknown_text(value)
AND    ((spec_type IN ('number', 'integer') AND number IS NULL AND NOT derived)
        OR (spec_type = 'integer' AND number <> trunc(number))
        OR (spec_type = 'date' AND day IS NULL AND NOT derived))
