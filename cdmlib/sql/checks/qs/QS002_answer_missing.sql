/*
title:    Question without an answer and without a reason
severity: minor
action:   query
message:  Questionnaire {qscat} of {qsdtc}: {qstest} has no answer and is not marked as not done. Please enter the answer, or mark it as not done.
field:    qsorres
optional: qs.qscat, qs.qstest, qs.qsstat, qs.qsreasnd, qs.qsperf, qs.qsdtc, qs.qsstresc, qs.qsstresn

Reported where the questionnaire has a date or another answer on the same visit. A score that is worked out later has a standard result and is left out. Conditional
questions that need no answer are reported unless they are marked.
*/
WITH occasions AS (
    SELECT subjid, visit, qscat
    FROM   qs
    WHERE  NOT blank(qsorres) OR NOT blank(qsdtc)
    GROUP BY subjid, visit, qscat
)
SELECT q.record_key, q.siteid, q.subjid, q.visit, q.qscat, q.qsdtc, q.qstestcd, coalesce(nullif(trim(q.qstest), ''), q.qstestcd) AS qstest, q.qsorres
FROM   qs AS q
JOIN   occasions AS o ON o.subjid = q.subjid AND o.visit IS NOT DISTINCT FROM q.visit AND o.qscat IS NOT DISTINCT FROM q.qscat
WHERE  blank(q.qsorres)
AND    blank(q.qsstresc)
AND    q.qsstresn IS NULL
AND    blank(q.qsstat)
AND    blank(q.qsreasnd)
AND    yes_no(q.qsperf) IS DISTINCT FROM 'N'
