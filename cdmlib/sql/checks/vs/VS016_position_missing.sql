/*
title:    Position missing for a blood pressure or pulse
severity: minor
action:   query
params:   percent = 80
message:  Vital signs {visit}, {vsdtc}: the position of the subject is missing for {results} results, such as {test} {vsorres}. Please enter the position.
field:    vspos

Only where at least $percent percent of the study's results of the test have a position. One finding for each subject, visit and date, on its first such record.
*/
WITH asked AS (
    SELECT upper(trim(vstestcd)) AS testcd
    FROM   vs
    WHERE  NOT blank(vsorres)
    GROUP BY upper(trim(vstestcd))
    HAVING 100.0 * count(nullif(trim(vspos), '')) >= $percent * count(*) AND count(nullif(trim(vspos), '')) < count(*)
)
SELECT min(v.record_key) AS record_key, min(v.siteid) AS siteid, v.subjid, v.visit, v.vsdtc, min_by(v.vstestcd, v.record_key) AS test, min_by(v.vsorres, v.record_key) AS vsorres, count(*) AS results
FROM   vs AS v
JOIN   asked AS a ON a.testcd = upper(trim(v.vstestcd))
WHERE  NOT blank(v.vsorres)
AND    blank(v.vspos)
GROUP BY v.subjid, v.visit, v.vsdtc
