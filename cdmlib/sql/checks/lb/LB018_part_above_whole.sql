/*
title:    Laboratory result of a part is above that of the whole
severity: major
action:   query
params:   percent = 5
message:  Laboratory {visit}, {lbdtc}: {test} is {lborres} {lborresu}, more than {whole_test} {whole_result} {whole_unit}, of which it is a part. Please correct the result or
          unit that is wrong, or confirm both.
field:    lborres
optional: lb.lbtest, lb.lbtim, lb.lborresu, lb.lbstresn, lb.lbstresu, lb.lbspec, lb.lbrefid

The pairs stand in the table lab_parts (direct and total bilirubin, albumin and protein, cholesterol fractions, kinds of leukocytes). Results of one sample in
the same unit are compared, standard ones where there are any; $percent percent more are allowed, for rounding. Where the whole was measured
twice, its higher result counts.
*/
WITH results AS (
    SELECT record_key, siteid, subjid, visit, lbdtc, coalesce(nullif(trim(lbtest), ''), lbtestcd) AS test, lborres, lborresu, upper(trim(lbtestcd)) AS testcd,
           coalesce(lbstresn, lborresn) AS value, unit_key(CASE WHEN lbstresn IS NULL THEN lborresu ELSE lbstresu END) AS unit,
           concat_ws('|', coalesce(visit, ''), coalesce(lbdtc, ''), coalesce(lbtim, ''), coalesce(lbspec, ''), coalesce(lbrefid, '')) AS sample
    FROM   lb
    WHERE  upper(trim(lbtestcd)) IN (SELECT part FROM lab_parts UNION SELECT whole FROM lab_parts)
    AND    coalesce(lbstresn, lborresn) IS NOT NULL
)
SELECT p.record_key, p.siteid, p.subjid, p.visit, p.lbdtc, p.test, p.lborres, p.lborresu, w.test AS whole_test, w.lborres AS whole_result, w.lborresu AS whole_unit
FROM   results AS p
JOIN   lab_parts AS t ON t.part = p.testcd
JOIN   results AS w ON w.testcd = t.whole AND w.subjid = p.subjid AND w.sample = p.sample AND w.unit IS NOT DISTINCT FROM p.unit
QUALIFY p.value > w.value * (1 + $percent / 100.0)
AND     row_number() OVER (PARTITION BY p.record_key ORDER BY w.value DESC, w.record_key) = 1
