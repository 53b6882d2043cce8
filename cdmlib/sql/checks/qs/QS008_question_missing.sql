/*
title:    Question missing from a completed questionnaire
severity: minor
action:   query
params:   percent = 98, times = 20
message:  Questionnaire {qscat} at visit {visit} on {qsdtc}: nothing is entered for {missing}. Please enter the answer, or mark it as not done.
field:    qsorres
optional: qs.qscat, qs.qstest, qs.qsdtc

For questionnaires that were completed $times times or more: a question that stands in at least $percent percent of them but not in this one. One finding for each
questionnaire, on the first of its records, with what is missing. One of which half is missing or more is taken for another form and passed over.
*/
WITH occasions AS (
    SELECT subjid, visit, coalesce(qscat, '') AS qscat, coalesce(left(qsdtc, 10), '') AS day, min(record_key) AS record_key, min(siteid) AS siteid,
           count(DISTINCT qstestcd) AS asked
    FROM   qs
    GROUP BY subjid, visit, coalesce(qscat, ''), coalesce(left(qsdtc, 10), '')
),
totals AS (SELECT qscat, count(*) AS n FROM occasions GROUP BY qscat HAVING count(*) >= $times),
questions AS (
    SELECT q.qscat, q.qstestcd, q.question
    FROM  (SELECT coalesce(qscat, '') AS qscat, qstestcd, coalesce(min(nullif(trim(qstest), '')), qstestcd) AS question, count(DISTINCT concat_ws('|', subjid, visit, left(qsdtc, 10))) AS n
           FROM qs GROUP BY coalesce(qscat, ''), qstestcd) AS q
    JOIN   totals AS t ON t.qscat = q.qscat AND 100.0 * q.n / t.n >= $percent
),
usual AS (SELECT qscat, count(*) AS questions FROM questions GROUP BY qscat),
present AS (
    SELECT subjid, visit, coalesce(qscat, '') AS qscat, coalesce(left(qsdtc, 10), '') AS day, qstestcd
    FROM   qs
    GROUP BY subjid, visit, coalesce(qscat, ''), coalesce(left(qsdtc, 10), ''), qstestcd
),
gaps AS (
    SELECT o.record_key, o.siteid, o.subjid, o.visit, o.qscat, o.day, u.questions, x.qstestcd, x.question
    FROM   occasions AS o
    JOIN   usual AS u ON u.qscat = o.qscat AND o.asked > 0.5 * u.questions
    JOIN   questions AS x ON x.qscat = o.qscat
    LEFT JOIN present AS p ON p.subjid = o.subjid AND p.visit IS NOT DISTINCT FROM o.visit AND p.qscat = o.qscat AND p.day = o.day AND p.qstestcd = x.qstestcd
    WHERE  p.qstestcd IS NULL
)
SELECT record_key, siteid, subjid, visit, qscat, day AS qsdtc, string_agg(question, '; ' ORDER BY qstestcd) AS missing
FROM   gaps
GROUP BY record_key, siteid, subjid, visit, qscat, day
