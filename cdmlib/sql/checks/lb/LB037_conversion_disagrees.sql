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
WITH pairs AS (  -- a pair of units all of whose results agree, which is the rule, needs no look at its rows
    SELECT upper(trim(p.lbtestcd)) AS testcd, p.lbtestcd, p.lborresu, p.lbstresu, f.factor / t.factor AS factor
    FROM  (SELECT lbtestcd, lborresu, lbstresu, min(CASE WHEN lborresn <> 0 THEN lbstresn / lborresn END) AS lowest,
                  max(CASE WHEN lborresn <> 0 THEN lbstresn / lborresn END) AS highest, max(CASE WHEN lborresn = 0 THEN abs(lbstresn) END) AS of_zero
           FROM   lb
           GROUP BY lbtestcd, lborresu, lbstresu) AS p
    JOIN   lab_units AS f ON f.testcd = upper(trim(p.lbtestcd)) AND f.unit = unit_key(p.lborresu)
    JOIN   lab_units AS t ON t.testcd = f.testcd AND t.unit = unit_key(p.lbstresu)
    WHERE  p.lowest < f.factor / t.factor * (1 - $percent / 100.0) OR p.highest > f.factor / t.factor * (1 + $percent / 100.0) OR p.of_zero > 0
),
converted AS (
    SELECT l.record_key, l.siteid, l.subjid, l.visit, coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd) AS test, p.testcd, l.lborres, l.lborresu, l.lbstresu, l.lbstresn,
           l.lborresn * p.factor AS expected
    FROM   lb AS l
    JOIN   pairs AS p ON p.lbtestcd = l.lbtestcd AND p.lborresu = l.lborresu AND p.lbstresu = l.lbstresu
    WHERE  l.lborresn IS NOT NULL
    AND    l.lbstresn IS NOT NULL
)
SELECT min(record_key) AS record_key, min_by(siteid, record_key) AS siteid, min_by(subjid, record_key) AS subjid, min_by(visit, record_key) AS visit, min(test) AS test,
       min_by(lborres, record_key) AS lborres, lborresu, lbstresu, min_by(lbstresn, record_key) AS lbstresn, round(min_by(expected, record_key), 3) AS expected, count(*) AS results
FROM   converted
WHERE  abs(lbstresn - expected) > greatest($percent / 100.0 * abs(expected), 0.0051)
GROUP BY testcd, lborresu, lbstresu
