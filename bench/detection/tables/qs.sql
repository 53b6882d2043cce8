/*
title:    Questionnaires
from:     extra.QS_EXTRA
*/
WITH tests AS (
    SELECT *, unnest([{'code': 'Q1', 'name': 'Mobility', 'result': QSQ1}, {'code': 'Q2', 'name': 'Self-care', 'result': QSQ2},
                      {'code': 'Q3', 'name': 'Activities', 'result': QSQ3}, {'code': 'Q4', 'name': 'Pain', 'result': QSQ4},
                      {'code': 'Q5', 'name': 'Mood', 'result': QSQ5}, {'code': 'QTOTAL', 'name': 'Total score', 'result': QSTOTAL}]) AS t
    FROM   extra.QS_EXTRA
)
SELECT 'QS|' || record_id || '|' || t.code AS record_key, site AS siteid, subject AS subjid, visit, page AS form, line AS formrow,
       source, dataset, source_row, QSPERF AS qsperf, 'Quality of life' AS qscat, t.code AS qstestcd, t.name AS qstest,
       t.result AS qsorres, num(t.result) AS qsorresn, num(t.result) AS qsstresn,
       CASE WHEN QSPERF = 'N' THEN 'NOT DONE' END AS qsstat, QSREASND AS qsreasnd, QSDAT AS qsdat, iso_date(QSDAT) AS qsdtc
FROM   tests
