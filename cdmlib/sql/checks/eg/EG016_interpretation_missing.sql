/*
title:    Electrocardiogram without an interpretation
severity: minor
action:   query
params:   percent = 80
message:  Electrocardiogram {visit}, {egdtc}: {results} measurements are entered, but no interpretation. Please enter the interpretation.
field:    egorres
optional: eg.egtim, eg.egtpt, eg.egspid, eg.egstat

Only where at least $percent percent of the study's recordings with measurements have an interpretation (test codes INTP, INTERP and EGINTP) with a result or marked as not done. A recording is a subject, visit, date and time. The finding is on its first record.
*/
WITH recordings AS (
    SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, visit, egdtc, count(egorresn) AS results,
           count(CASE WHEN upper(trim(egtestcd)) IN ('INTP', 'INTERP', 'EGINTP') AND (NOT blank(egorres) OR NOT blank(egstat)) THEN 1 END) AS interpretations
    FROM   eg
    GROUP BY subjid, visit, egdtc, egtim, egtpt, egspid
    HAVING count(egorresn) > 0
)
SELECT record_key, siteid, subjid, visit, egdtc, results, interpretations
FROM   recordings
WHERE  interpretations = 0
AND    (SELECT 100.0 * count(CASE WHEN interpretations > 0 THEN 1 END) FROM recordings) >= $percent * (SELECT count(*) FROM recordings)
