/*
title:    Laboratory results without a standard result
severity: major
action:   internal
message:  {results} results of {test} in {lborresu} have no standard result, the first {lborres} of subject {subjid} on {lbdtc}. The unit has no conversion: please add
          it to the study's laboratory table, or ask for the right unit.
optional: lb.lbtest, lb.lborresu

Numeric results only. One finding for each test and unit, on its first record. Where a unit is missing, LB003 asks the site.
*/
SELECT min(record_key) AS record_key, min_by(siteid, record_key) AS siteid, min_by(subjid, record_key) AS subjid, min_by(visit, record_key) AS visit,
       min_by(lbdtc, record_key) AS lbdtc, min(coalesce(nullif(trim(lbtest), ''), lbtestcd)) AS test, min_by(lborres, record_key) AS lborres,
       lborresu, count(*) AS results
FROM   lb
WHERE  lborresn IS NOT NULL
AND    lbstresn IS NULL
GROUP BY upper(trim(lbtestcd)), lborresu
