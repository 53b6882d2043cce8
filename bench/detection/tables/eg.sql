/*
title:    Electrocardiograms
from:     extra.EG_EXTRA
*/
WITH tests AS (
    SELECT *, unnest([{'code': 'EGHRMN', 'name': 'Heart rate', 'result': EGHR, 'unit': 'beats/min'},
                      {'code': 'PRAG', 'name': 'PR interval', 'result': EGPR, 'unit': 'msec'},
                      {'code': 'QRSAG', 'name': 'QRS duration', 'result': EGQRS, 'unit': 'msec'},
                      {'code': 'QTAG', 'name': 'QT interval', 'result': EGQT, 'unit': 'msec'},
                      {'code': 'QTCFAG', 'name': 'QTcF interval', 'result': EGQTCF, 'unit': 'msec'},
                      {'code': 'INTP', 'name': 'Interpretation', 'result': EGINTP, 'unit': NULL}]) AS t
    FROM   extra.EG_EXTRA
)
SELECT 'EG|' || record_id || '|' || t.code AS record_key, site AS siteid, subject AS subjid, visit, page AS form, line AS formrow,
       source, dataset, source_row, EGPERF AS egperf, t.code AS egtestcd, t.name AS egtest, t.result AS egorres,
       num(t.result) AS egorresn, CASE WHEN t.result IS NOT NULL THEN t.unit END AS egorresu,
       num(t.result) AS egstresn, CASE WHEN t.result IS NOT NULL THEN t.unit END AS egstresu,
       CASE WHEN EGPERF = 'N' THEN 'NOT DONE' END AS egstat, EGREASND AS egreasnd, EGDAT AS egdat, iso_date(EGDAT) AS egdtc
FROM   tests
