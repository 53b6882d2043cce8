/*
title:    Questionnaire not done and no reason is given
severity: minor
action:   query
message:  Questionnaire {qscat} at visit {visit}: marked as not done, but the reason is {qsreasnd}. Please enter the reason.
field:    qsreasnd
optional: qs.qscat, qs.qsstat, qs.qsperf

One finding for each subject, visit and questionnaire, on the first of its records without a reason. Reported where the study has reasons.
*/
SELECT record_key, siteid, subjid, visit, qscat, qsstat, qsperf, qsreasnd
FROM   qs
WHERE  (upper(trim(qsstat)) = 'NOT DONE' OR yes_no(qsperf) = 'N')
AND    blank(qsreasnd)
AND    EXISTS (SELECT 1 FROM qs AS o WHERE NOT blank(o.qsreasnd))
QUALIFY row_number() OVER (PARTITION BY subjid, visit, qscat ORDER BY record_key) = 1
