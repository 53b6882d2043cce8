/*
title:    Answer beyond the scale that all others keep to
severity: minor
action:   review
params:   answers = 100, levels = 12
message:  Questionnaire {qscat} at visit {visit}: {qstest} is {qsorres}, but all other answers lie between {lowest} and {highest}. Please find out whether it is a mistake.
optional: qs.qscat, qs.qstest, qs.qsdtc

For questions with $answers or more numeric answers that take at most $levels values: a value that occurs once and lies outside all others. The end of a scale that
hardly anybody reaches is reported too. Give the real scale in the study's own check or specification where it is known.
*/
WITH numbers AS (
    SELECT record_key, siteid, subjid, visit, qscat, qstestcd, qstest, qsorres, qsdtc, num(qsorres) AS value
    FROM   qs
    WHERE  num(qsorres) IS NOT NULL
),
levels AS (
    SELECT qscat, qstestcd, value, count(*) AS n, sum(count(*)) OVER (PARTITION BY qscat, qstestcd) AS answers,
           count(*) OVER (PARTITION BY qscat, qstestcd) AS levels,
           min(value) OVER (PARTITION BY qscat, qstestcd ORDER BY value ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS lowest_below,
           max(value) OVER (PARTITION BY qscat, qstestcd ORDER BY value DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS highest_above,
           lead(value) OVER (PARTITION BY qscat, qstestcd ORDER BY value) AS next_value,
           lag(value) OVER (PARTITION BY qscat, qstestcd ORDER BY value) AS last_value
    FROM   numbers
    GROUP BY qscat, qstestcd, value
),
beyond AS (
    SELECT qscat, qstestcd, value, coalesce(lowest_below, next_value) AS lowest, coalesce(highest_above, last_value) AS highest
    FROM   levels
    WHERE  n = 1
    AND    answers >= $answers
    AND    levels BETWEEN 3 AND $levels
    AND    (next_value IS NULL OR last_value IS NULL)
)
SELECT x.record_key, x.siteid, x.subjid, x.visit, x.qscat, x.qsdtc, x.qstestcd, coalesce(nullif(trim(x.qstest), ''), x.qstestcd) AS qstest, x.qsorres, b.lowest, b.highest
FROM   numbers AS x
JOIN   beyond AS b ON b.qscat IS NOT DISTINCT FROM x.qscat AND b.qstestcd = x.qstestcd AND b.value = x.value
