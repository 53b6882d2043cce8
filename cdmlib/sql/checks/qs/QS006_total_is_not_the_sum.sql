/*
title:    Total score is not the sum of the answers
severity: major
action:   query
params:   percent = 80, totals = 5
message:  Questionnaire {qscat} at visit {visit}: {qstest} is {total}, but the answers add up to {sum}. Please correct the score or the answer.
field:    qsorres
optional: qs.qscat, qs.qstest, qs.qsorresn, qs.qsstresn, qs.qsdtc

A score is taken for a sum when its name or code says total and it is the sum of all other numeric answers of the same questionnaire, visit and date in at least
$percent percent of $totals or more cases; so scores with weights, reversed questions or parts are passed over. A questionnaire with fewer questions answered
than the fullest one, or with a question answered twice, is not judged.
*/
WITH answers AS (
    SELECT record_key, siteid, subjid, visit, coalesce(qscat, '') AS qscat, coalesce(left(qsdtc, 10), '') AS day, qstestcd, qstest,
           coalesce(qsorresn, qsstresn, num(qsorres)) AS value, regexp_matches(upper(concat_ws(' ', qstest, qstestcd)), '\bTOTAL\b|TOT$') AS is_total
    FROM   qs
),
sums AS (
    SELECT subjid, visit, qscat, day, sum(value) AS sum, count(value) AS answered, count(DISTINCT CASE WHEN value IS NOT NULL THEN qstestcd END) AS questions
    FROM   answers
    WHERE  NOT is_total
    GROUP BY subjid, visit, qscat, day
),
compared AS (
    SELECT a.record_key, a.siteid, a.subjid, a.visit, a.qscat, a.day, a.qstestcd, a.qstest, a.value AS total, s.sum, s.answered,
           max(s.questions) OVER (PARTITION BY a.qscat, a.qstestcd) AS complete
    FROM   answers AS a
    JOIN   sums AS s ON s.subjid = a.subjid AND s.visit IS NOT DISTINCT FROM a.visit AND s.qscat = a.qscat AND s.day = a.day
    WHERE  a.is_total
    AND    a.value IS NOT NULL
),
judged AS (
    SELECT record_key, siteid, subjid, visit, qscat, day, qstestcd, qstest, total, sum,
           count(*) OVER (PARTITION BY qscat, qstestcd) AS n,
           count(CASE WHEN abs(total - sum) < 0.001 THEN 1 END) OVER (PARTITION BY qscat, qstestcd) AS agreed
    FROM   compared
    WHERE  answered = complete
)
SELECT record_key, siteid, subjid, visit, qscat, day AS qsdtc, qstestcd, coalesce(nullif(trim(qstest), ''), qstestcd) AS qstest, total, sum
FROM   judged
WHERE  n >= $totals
AND    100.0 * agreed / n >= $percent
AND    abs(total - sum) >= 0.001
