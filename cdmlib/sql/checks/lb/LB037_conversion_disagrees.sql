/*
title:    Standard results disagree with the collected ones
severity: major
action:   internal
params:   percent = 5
message:  {results} results of {test} are converted from {lborresu} to {lbstresu} otherwise than the table of units says, the first {lborres} to {lbstresn} in place of {expected}. Please mend the
          conversion in the study's laboratory table, or the unit.
optional: lb.lbtest

Worked out with the factors of the table lab_units, for tests and units that it has; $percent percent either way are allowed, and rounding to two decimals. One finding for each test and pair of units, on its first record.
*/
WITH converted AS (
    SELECT l.record_key, l.siteid, l.subjid, l.visit, coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd) AS test, f.testcd, l.lborres, l.lborresu, l.lbstresu, l.lbstresn,
           l.lborresn * f.factor / t.factor AS expected
    FROM   lb AS l
    JOIN   lab_units AS f ON f.testcd = upper(trim(l.lbtestcd)) AND f.unit = unit_key(l.lborresu)
    JOIN   lab_units AS t ON t.testcd = f.testcd AND t.unit = unit_key(l.lbstresu)
    WHERE  l.lborresn IS NOT NULL
    AND    l.lbstresn IS NOT NULL
)
SELECT min(record_key) AS record_key, min_by(siteid, record_key) AS siteid, min_by(subjid, record_key) AS subjid, min_by(visit, record_key) AS visit, min(test) AS test,
       min_by(lborres, record_key) AS lborres, lborresu, lbstresu, min_by(lbstresn, record_key) AS lbstresn, round(min_by(expected, record_key), 3) AS expected, count(*) AS results
FROM   converted
WHERE  abs(lbstresn - expected) > greatest($percent / 100.0 * abs(expected), 0.0051)
GROUP BY testcd, lborresu, lbstresu
