/*
title:    Result beyond the limit of detection is taken as a number
severity: minor
action:   internal
message:  {results} results of {test} such as {lborres} have the standard result {lbstresn}, as if it had been measured. Please decide how results beyond the limit of detection are converted.
optional: lb.lbtest, lb.lbstresc

One finding for each test, on its first record. A standard text that keeps the sign says enough and is accepted.
*/
SELECT min(record_key) AS record_key, min_by(siteid, record_key) AS siteid, min_by(subjid, record_key) AS subjid, min_by(visit, record_key) AS visit,
       min(coalesce(nullif(trim(lbtest), ''), lbtestcd)) AS test, min_by(lborres, record_key) AS lborres, min_by(lbstresn, record_key) AS lbstresn, count(*) AS results
FROM   lb
WHERE  left(trim(lborres), 1) IN ('<', '>', '≤', '≥')
AND    lbstresn IS NOT NULL
AND    coalesce(left(trim(lbstresc), 1), '') NOT IN ('<', '>', '≤', '≥')
GROUP BY upper(trim(lbtestcd))
