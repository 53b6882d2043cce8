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
twice, its lower result counts.
*/
WITH extremes AS (
    SELECT subjid, upper(trim(lbtestcd)) AS testcd, min(coalesce(lbstresn, lborresn)) AS lowest, max(coalesce(lbstresn, lborresn)) AS highest
    FROM   lb
    WHERE  upper(trim(lbtestcd)) IN (SELECT part FROM lab_parts UNION SELECT whole FROM lab_parts)
    GROUP BY subjid, upper(trim(lbtestcd))
),
suspects AS (  -- few: subjects whose highest part is above their lowest whole
    SELECT p.subjid, t.part, t.whole
    FROM   extremes AS p
    JOIN   lab_parts AS t ON t.part = p.testcd
    JOIN   extremes AS w ON w.subjid = p.subjid AND w.testcd = t.whole
    WHERE  p.highest > w.lowest * (1 + $percent / 100.0)
),
results AS (
    SELECT record_key, siteid, subjid, visit, lbdtc, coalesce(nullif(trim(lbtest), ''), lbtestcd) AS test, lborres, lborresu, upper(trim(lbtestcd)) AS testcd,
           lbtim, lbspec, lbrefid, coalesce(lbstresn, lborresn) AS value, CASE WHEN lbstresn IS NULL THEN lborresu ELSE lbstresu END AS unit
    FROM   lb
    WHERE  subjid IN (SELECT subjid FROM suspects)
)
SELECT p.record_key, p.siteid, p.subjid, p.visit, p.lbdtc, p.test, p.lborres, p.lborresu, w.test AS whole_test, w.lborres AS whole_result, w.lborresu AS whole_unit
FROM   suspects AS s
JOIN   results AS p ON p.subjid = s.subjid AND p.testcd = s.part
JOIN   results AS w ON w.subjid = s.subjid AND w.testcd = s.whole AND w.lbdtc IS NOT DISTINCT FROM p.lbdtc AND p.value > w.value * (1 + $percent / 100.0)
WHERE  w.visit IS NOT DISTINCT FROM p.visit
AND    w.lbtim IS NOT DISTINCT FROM p.lbtim
AND    w.lbspec IS NOT DISTINCT FROM p.lbspec
AND    w.lbrefid IS NOT DISTINCT FROM p.lbrefid
AND    unit_key(w.unit) IS NOT DISTINCT FROM unit_key(p.unit)
QUALIFY row_number() OVER (PARTITION BY p.record_key ORDER BY w.value, w.record_key) = 1
