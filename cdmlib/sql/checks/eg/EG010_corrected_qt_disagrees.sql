/*
title:    Corrected QT interval disagrees with QT and heart rate
severity: major
action:   query
params:   ms = 15
message:  Electrocardiogram {visit}, {egdtc}: QT corrected by {formula} is {egorres} ms, but QT {qt} ms at a heart rate of {rate} gives {worked_out}. Please correct the value that is wrong, or confirm all.
field:    egorres
optional: eg.egtpt, eg.egtim, eg.egspid

Fridericia: QT divided by the cube root of RR in seconds; Bazett: by its square root. The difference may be $ms milliseconds. RR is the interval of the recording, else 60 divided by the heart rate. Intervals below 10 are read as seconds.
Only where a recording has each value once; other formulas are not worked out.
*/
WITH recordings AS (
    SELECT record_key, siteid, subjid, visit, egdtc, egorres, upper(trim(egtestcd)) AS testcd, CASE WHEN egorresn < 10 THEN 1000 * egorresn ELSE egorresn END AS value,
           max(CASE WHEN upper(trim(egtestcd)) IN ('QT', 'QTAG') THEN CASE WHEN egorresn < 10 THEN 1000 * egorresn ELSE egorresn END END) OVER w AS qt,
           count(CASE WHEN upper(trim(egtestcd)) IN ('QT', 'QTAG') THEN 1 END) OVER w AS qts,
           coalesce(max(CASE WHEN upper(trim(egtestcd)) IN ('RR', 'RRMEAN', 'RRAG') THEN CASE WHEN egorresn < 10 THEN egorresn ELSE egorresn / 1000 END END) OVER w,
                    60.0 / max(CASE WHEN upper(trim(egtestcd)) IN ('HR', 'EGHRMN') THEN egorresn END) OVER w) AS rr
    FROM   eg
    WHERE  egorresn > 0
    AND    upper(trim(egtestcd)) IN ('QT', 'QTAG', 'RR', 'RRMEAN', 'RRAG', 'HR', 'EGHRMN', 'QTCF', 'QTCFAG', 'QTCB', 'QTCBAG')
    WINDOW w AS (PARTITION BY subjid, visit, egdtc, egtpt, egtim, egspid)
)
SELECT record_key, siteid, subjid, visit, egdtc, egorres, CASE WHEN testcd LIKE 'QTCF%' THEN 'Fridericia' ELSE 'Bazett' END AS formula, qt, round(60 / rr, 0) AS rate,
       round(CASE WHEN testcd LIKE 'QTCF%' THEN qt / power(rr, 1.0 / 3) ELSE qt / sqrt(rr) END, 0) AS worked_out
FROM   recordings
WHERE  testcd LIKE 'QTC%'
AND    qts = 1
AND    abs(value - CASE WHEN testcd LIKE 'QTCF%' THEN qt / power(rr, 1.0 / 3) ELSE qt / sqrt(rr) END) > $ms
