/*
title:    Electrocardiogram called normal although the corrected QT interval is long
severity: major
action:   query
params:   limit = 480
message:  Electrocardiogram {visit}, {egdtc}: the interpretation is {egorres}, but the corrected QT interval is {qtc} ms. Please correct the interpretation or the interval, or confirm both.
field:    egorres
optional: eg.egtim, eg.egtpt, eg.egspid

More than $limit ms by any formula in the same recording. Values below 10 are read as seconds. The finding is on the interpretation (test codes INTP, INTERP and EGINTP).
*/
WITH recordings AS (
    SELECT record_key, siteid, subjid, visit, egdtc, upper(trim(egtestcd)) AS testcd, egorres,
           max(CASE WHEN upper(trim(egtestcd)) LIKE 'QTC%' THEN CASE WHEN egorresn < 10 THEN 1000 * egorresn ELSE egorresn END END)
               OVER (PARTITION BY subjid, visit, egdtc, egtim, egtpt, egspid) AS qtc
    FROM   eg
)
SELECT record_key, siteid, subjid, visit, egdtc, egorres, qtc
FROM   recordings
WHERE  testcd IN ('INTP', 'INTERP', 'EGINTP')
AND    upper(trim(egorres)) LIKE 'NORMAL%'
AND    qtc > $limit
