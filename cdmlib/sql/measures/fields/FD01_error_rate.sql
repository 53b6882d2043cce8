/*
title:    Findings per 10,000 values, by field
params:   top = 15

Findings that are present (numerator) for each 10,000 values of the field that they are on (denominator: values entered), for the $top
fields with the most findings. A finding is on the field that it names, else on the first that its check is about. A field without any value
has no rate. A subject who left the extract does not count.
*/
WITH found AS (
    SELECT lower(coalesce(f.field, c.field)) AS field, count(*) AS numerator
    FROM   findings AS f
    LEFT JOIN check_fields AS c ON c.check_id = f.check_id
    WHERE  f.gone_on IS NULL AND coalesce(f.field, c.field) IS NOT NULL AND f.subjid IN (SELECT subjid FROM subjects)
    GROUP BY lower(coalesce(f.field, c.field))
),
filled AS (SELECT field, count(*) AS denominator FROM items WHERE NOT blank(value) AND subjid IN (SELECT subjid FROM subjects) GROUP BY field)
SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid, f.field AS category, f.numerator, coalesce(v.denominator, 0) AS denominator,
       round(10000.0 * f.numerator / nullif(v.denominator, 0), 1) AS value, 'per 10,000 values' AS unit
FROM   found AS f
LEFT JOIN filled AS v ON v.field = f.field
ORDER BY f.numerator DESC, f.field
LIMIT  $top
