/*
title:    Two different results of one electrocardiogram
severity: minor
action:   query
params:   percent = 90
message:  Electrocardiogram {visit}, {egdtc}: {test} is {egorres}, but it is also recorded as {first_result}. Please keep the right result and remove the other, or confirm that there were two recordings.
field:    egorres
optional: eg.egtest, eg.egspid, eg.egtpt, eg.egtim, eg.egcat, eg.egpos

The same subject, visit, test, date, time, time point, position and number. Only measurements are looked at, since an electrocardiogram may have several texts, and only where at least $percent percent of them stand alone in the
study, as recordings are repeated on purpose elsewhere. Every record that differs from the first is reported.
*/
WITH readings AS (
    SELECT record_key, siteid, subjid, visit, egdtc, coalesce(nullif(trim(egtest), ''), egtestcd) AS test, egorres, egorresn,
           first_value(egorres) OVER w AS first_result, first_value(egorresn) OVER w AS first_number, row_number() OVER w AS place
    FROM   eg
    WHERE  egorresn IS NOT NULL
    AND    NOT blank(egdtc)
    WINDOW w AS (PARTITION BY subjid, visit, egtestcd, egdtc, egtim, egtpt, egcat, egpos, egspid ORDER BY record_key)
)
SELECT record_key, siteid, subjid, visit, egdtc, test, egorres, first_result
FROM   readings
WHERE  egorresn <> first_number
AND    (SELECT 100.0 * count(CASE WHEN place = 1 THEN 1 END) FROM readings) >= $percent * (SELECT count(*) FROM readings)
