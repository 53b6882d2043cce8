/*
title:    Question answered twice at one visit
severity: minor
action:   query
message:  Questionnaire {qscat} at visit {visit} on {qsdtc}: {qstest} is {qsorres}, but it has the answer {first_answer} already. Please keep the right answer and remove the
          other.
field:    qsorres
optional: qs.qscat, qs.qstest, qs.qsdtc, qs.qstim, qs.qstpt, qs.qsspid, qs.qsloc

The same subject, visit, questionnaire, question, date, time, time point, number and place. Every record after the first is reported. Whole questionnaires that were
completed on two days of one visit are not.
*/
WITH answers AS (
    SELECT record_key, siteid, subjid, visit, qscat, qsdtc, qstestcd, qstest, qsorres,
           md5(concat_ws('|', subjid, coalesce(visit, ''), coalesce(qscat, ''), qstestcd, coalesce(qsdtc, ''), coalesce(qstim, ''), coalesce(qstpt, ''),
                         coalesce(qsspid, ''), coalesce(qsloc, ''))) AS one
    FROM   qs
    WHERE  NOT blank(qsorres)
)
SELECT record_key, siteid, subjid, visit, qscat, qsdtc, qstestcd, coalesce(nullif(trim(qstest), ''), qstestcd) AS qstest, qsorres,
       first_value(qsorres) OVER (PARTITION BY one ORDER BY record_key) AS first_answer
FROM   answers
QUALIFY row_number() OVER (PARTITION BY one ORDER BY record_key) > 1
