/*
title:    Systolic and diastolic blood pressure very close or very far apart
severity: minor
action:   query
params:   low = 10, high = 130
message:  Vital signs {visit}, {vsdtc}: systolic blood pressure is {vsorres} and diastolic {diastolic}, {difference} mmHg apart. Please correct the value that is wrong, or confirm both.
field:    vsorres
optional: vs.vspos, vs.vsloc, vs.vstpt, vs.vstim, vs.vsspid

Less than $low or more than $high mmHg apart. Only where there is one of each at the same visit, date, time, time point, position and location. A systolic value that is not above the diastolic is left to VS001.
*/
WITH pairs AS (
    SELECT record_key, siteid, subjid, visit, vsdtc, vsorres, upper(trim(vstestcd)) AS test, vsstresn AS systolic,
           max(CASE WHEN upper(trim(vstestcd)) = 'DIABP' THEN vsstresn END) OVER w AS diastolic, count(*) OVER w AS readings
    FROM   vs
    WHERE  upper(trim(vstestcd)) IN ('SYSBP', 'DIABP')
    AND    vsstresn IS NOT NULL
    WINDOW w AS (PARTITION BY subjid, visit, vsdtc, vstim, vspos, vsloc, vstpt, vsspid)
)
SELECT record_key, siteid, subjid, visit, vsdtc, vsorres, diastolic, systolic - diastolic AS difference
FROM   pairs
WHERE  test = 'SYSBP'
AND    readings = 2
AND    systolic > diastolic
AND    (systolic - diastolic < $low OR systolic - diastolic > $high)
