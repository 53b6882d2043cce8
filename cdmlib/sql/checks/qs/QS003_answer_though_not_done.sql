/*
title:    Question has an answer although marked as not done
severity: minor
action:   query
message:  Questionnaire {qscat} of {qsdtc}: {qstest} is {qsorres}, but it is marked as {marked}. Please correct one of them.
field:    qsorres, qsstat
optional: qs.qscat, qs.qstest, qs.qsstat, qs.qsperf, qs.qsdtc

Either the question or the questionnaire may be marked. Answers such as not done or not known are no contradiction.
*/
SELECT record_key, siteid, subjid, visit, qscat, qsdtc, qstestcd, coalesce(nullif(trim(qstest), ''), qstestcd) AS qstest, qsorres,
       CASE WHEN yes_no(qsperf) = 'N' THEN 'not performed' ELSE 'not done' END AS marked
FROM   qs
WHERE  NOT blank(qsorres)
AND    NOT unknown_text(qsorres)
AND    (upper(trim(qsstat)) = 'NOT DONE' OR yes_no(qsperf) = 'N')
