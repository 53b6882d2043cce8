/*
title:    Vital signs without a standard result
severity: major
action:   internal
message:  {results} results of {test} in {vsorresu} have no standard result, the first {vsorres} of subject {subjid} on {vsdtc}. The unit is not known: please add it to the study's table of vital signs, or ask for the right one.
optional: vs.vstest, vs.vsorresu

For measurements in the table vital_limits, which other checks compare in standard units. One finding for each test and unit, on its first record. Where a unit is missing, VS021 asks the site.
*/
SELECT min(v.record_key) AS record_key, min_by(v.siteid, v.record_key) AS siteid, min_by(v.subjid, v.record_key) AS subjid, min_by(v.visit, v.record_key) AS visit,
       min_by(v.vsdtc, v.record_key) AS vsdtc, min(coalesce(nullif(trim(v.vstest), ''), v.vstestcd)) AS test, min_by(v.vsorres, v.record_key) AS vsorres, v.vsorresu, count(*) AS results
FROM   vs AS v
JOIN   vital_limits AS p ON p.testcd = upper(trim(v.vstestcd))
WHERE  v.vsorresn IS NOT NULL
AND    v.vsstresn IS NULL
GROUP BY p.testcd, v.vsorresu
