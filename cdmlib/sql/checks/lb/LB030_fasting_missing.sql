/*
title:    Fasting not answered for a test that needs it
severity: minor
action:   query
params:   percent = 50
message:  Laboratory {visit}, {lbdtc}: {tests} is reported, but the question about fasting has no answer. Please answer whether the subject was fasting.
field:    lbfast
optional: lb.lbspec

Tests that need it stand in the table lab_tests (glucose, triglycerides, insulin, C-peptide). Only where at least $percent percent of their results in the
study have an answer. One finding for each subject, visit and sample date, on its first such record. Urine is left out.
*/
WITH needing AS (
    SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, t.testcd, l.lbfast
    FROM   lb AS l
    JOIN   lab_tests AS t ON t.testcd = upper(trim(l.lbtestcd)) AND t.kind = 'fasting'
    WHERE  CASE WHEN t.testcd IS NOT NULL THEN NOT blank(l.lborres) AND upper(trim(l.lbspec)) IS DISTINCT FROM 'URINE' END
)
SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, visit, lbdtc, string_agg(DISTINCT testcd, ', ' ORDER BY testcd) AS tests, min(lbfast) AS lbfast
FROM   needing
WHERE  blank(lbfast)
AND    (SELECT 100.0 * count(CASE WHEN NOT blank(lbfast) THEN 1 END) FROM needing) >= $percent * (SELECT count(*) FROM needing)
GROUP BY subjid, visit, lbdtc
