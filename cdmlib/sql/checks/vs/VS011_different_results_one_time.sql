/*
title:    Two different results of one vital sign
severity: minor
action:   query
params:   percent = 90
message:  Vital signs {visit}, {vsdtc}: {test} is {vsorres}, but it is also recorded as {first_result}. Please keep the right result and remove the other, or confirm that it was measured twice.
field:    vsorres
optional: vs.vstest, vs.vsspid, vs.vspos, vs.vsloc, vs.vstpt, vs.vstim, vs.vscat

The same subject, visit, test, date, time, time point, position, location and measurement number. Only where at least $percent percent of such measurements in the study stand alone, as
repeated readings are planned elsewhere. Every record that differs from the first is reported.
*/
WITH readings AS (
    SELECT record_key, siteid, subjid, visit, vsdtc, coalesce(nullif(trim(vstest), ''), vstestcd) AS test, vsorres,
           first_value(vsorres) OVER (PARTITION BY subjid, visit, vstestcd, vsdtc, vstim, vstpt, vspos, vsloc, vscat, vsspid ORDER BY record_key) AS first_result,
           row_number() OVER (PARTITION BY subjid, visit, vstestcd, vsdtc, vstim, vstpt, vspos, vsloc, vscat, vsspid ORDER BY record_key) AS place
    FROM   vs
    WHERE  NOT blank(vsorres)
    AND    NOT blank(vsdtc)
)
SELECT record_key, siteid, subjid, visit, vsdtc, test, vsorres, first_result
FROM   readings
WHERE  trim(vsorres) <> trim(first_result)
AND    (SELECT 100.0 * count(CASE WHEN place = 1 THEN 1 END) FROM readings) >= $percent * (SELECT count(*) FROM readings)
