/*
title:    Systolic blood pressure is not above diastolic
severity: major
action:   query
message:  Vital signs {visit}, {vsdtc}: systolic blood pressure is {vsorres} and diastolic blood pressure {diastolic}. Please correct the values.
optional: vs.vsstresn, vs.vspos, vs.vsloc, vs.vstpt, vs.vstim

Values of the same visit, date, time, time point, position and location are compared. Where there are several of them a systolic value is
reported when it is above none of the diastolic ones, so a swap within one of three readings is not caught. The finding is on the systolic record.
*/
WITH pressures AS (
    SELECT record_key, siteid, subjid, visit, vsdtc, vspos, vstpt, upper(trim(vstestcd)) AS test, vsorres, coalesce(vsstresn, vsorresn) AS systolic,
           min(CASE WHEN upper(trim(vstestcd)) = 'DIABP' THEN coalesce(vsstresn, vsorresn) END)
               OVER (PARTITION BY subjid, visit, vsdtc, vstim, upper(trim(vspos)), upper(trim(vsloc)), upper(trim(vstpt))) AS diastolic
    FROM   vs
    WHERE  upper(trim(vstestcd)) IN ('SYSBP', 'DIABP')
)
SELECT record_key, siteid, subjid, visit, vsdtc, vspos, vstpt, vsorres, systolic, diastolic
FROM   pressures
WHERE  test = 'SYSBP'
AND    systolic <= diastolic
