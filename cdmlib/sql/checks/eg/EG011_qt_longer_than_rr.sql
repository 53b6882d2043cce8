/*
title:    Intervals of one electrocardiogram can't all be right
severity: major
action:   query
message:  Electrocardiogram {visit}, {egdtc}: {problem}. Please correct the interval that is wrong, or confirm all.
field:    egorres
optional: eg.egtpt, eg.egtim, eg.egspid

A QT interval that is not shorter than the RR interval, or not longer than the QRS duration that is part of it. Compared within one recording; intervals below 10 are read as seconds. The finding is on the QT interval.
*/
WITH recordings AS (
    SELECT subjid, visit, egdtc, min(siteid) AS siteid, min(CASE WHEN upper(trim(egtestcd)) IN ('QT', 'QTAG') THEN record_key END) AS record_key,
           min(CASE WHEN upper(trim(egtestcd)) IN ('QT', 'QTAG') THEN CASE WHEN egorresn < 10 THEN 1000 * egorresn ELSE egorresn END END) AS qt,
           max(CASE WHEN upper(trim(egtestcd)) IN ('RR', 'RRMEAN', 'RRAG') THEN CASE WHEN egorresn < 10 THEN 1000 * egorresn ELSE egorresn END END) AS rr,
           min(CASE WHEN upper(trim(egtestcd)) IN ('QRS', 'QRSDUR', 'QRSAG') THEN CASE WHEN egorresn < 10 THEN 1000 * egorresn ELSE egorresn END END) AS qrs
    FROM   eg
    WHERE  egorresn > 0
    GROUP BY subjid, visit, egdtc, egtpt, egtim, egspid
)
SELECT record_key, siteid, subjid, visit, egdtc,
       CASE WHEN qt >= rr THEN concat('the QT interval of ', number_text(qt), ' ms is not shorter than the RR interval of ', number_text(rr), ' ms')
            ELSE concat('the QT interval of ', number_text(qt), ' ms is not longer than the QRS duration of ', number_text(qrs), ' ms') END AS problem
FROM   recordings
WHERE  qt >= rr OR qt <= qrs
