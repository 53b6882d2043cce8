/*
title:    Heart rate and RR interval disagree
severity: minor
action:   query
params:   percent = 10
message:  Electrocardiogram {visit}, {egdtc}: heart rate is {egorres}, but an RR interval of {rr} ms is a rate of {worked_out}. Please correct the value that is wrong, or confirm both.
field:    egorres
optional: eg.egtpt, eg.egtim, eg.egspid

The rate is 60000 divided by the RR interval in milliseconds (one below 10 is read as seconds); $percent percent either way are allowed. Only where there is one of each in one recording.
*/
WITH recordings AS (
    SELECT subjid, visit, egdtc, min(siteid) AS siteid,
           min(CASE WHEN upper(trim(egtestcd)) IN ('HR', 'EGHRMN') THEN record_key END) AS record_key,
           min(CASE WHEN upper(trim(egtestcd)) IN ('HR', 'EGHRMN') THEN egorres END) AS egorres,
           min(CASE WHEN upper(trim(egtestcd)) IN ('HR', 'EGHRMN') THEN egorresn END) AS rate,
           min(CASE WHEN upper(trim(egtestcd)) IN ('RR', 'RRMEAN', 'RRAG') THEN CASE WHEN egorresn < 10 THEN 1000 * egorresn ELSE egorresn END END) AS rr
    FROM   eg
    WHERE  upper(trim(egtestcd)) IN ('HR', 'EGHRMN', 'RR', 'RRMEAN', 'RRAG')
    AND    egorresn > 0
    GROUP BY subjid, visit, egdtc, egtpt, egtim, egspid
    HAVING count(*) = 2
)
SELECT record_key, siteid, subjid, visit, egdtc, egorres, rr, round(60000.0 / rr, 0) AS worked_out
FROM   recordings
WHERE  abs(60000.0 / rr - rate) > $percent / 100.0 * rate
