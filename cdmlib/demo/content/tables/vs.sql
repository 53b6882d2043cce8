/*
title:    Vital signs
from:     edc.VS

The form has one record per visit with a column for each test; here each test becomes a row of its own, also when it was left empty,
so that a result that is missing shows. Height is asked at Screening, Week 12 and Week 24 only.
*/
WITH tests AS (
    SELECT *, unnest([
               {'code': 'SYSBP',  'name': 'Systolic blood pressure',  'result': SYSBP_RAW,  'unit': SYSBP_UN,  'not_done': SYSBPND},
               {'code': 'DIABP',  'name': 'Diastolic blood pressure', 'result': DIABP_RAW,  'unit': DIABP_UN,  'not_done': DIABPND},
               {'code': 'PULSE',  'name': 'Pulse rate',               'result': PULSE_RAW,  'unit': PULSE_UN,  'not_done': PULSEND},
               {'code': 'TEMP',   'name': 'Body temperature',         'result': TEMP_RAW,   'unit': TEMP_UN,   'not_done': TEMPND},
               {'code': 'WEIGHT', 'name': 'Weight',                   'result': WEIGHT_RAW, 'unit': WEIGHT_UN, 'not_done': WEIGHTND},
               {'code': 'HEIGHT', 'name': 'Height',                   'result': HEIGHT_RAW, 'unit': HEIGHT_UN, 'not_done': HEIGHTND}
           ]) AS t
    FROM   edc.VS
    WHERE  RecordActive = '1'
)
SELECT 'VS|' || RecordId || '|' || t.code AS record_key, SiteNumber AS siteid, Subject AS subjid, InstanceName AS visit,
       DataPageName AS form, recordposition AS formrow, source, dataset, source_row,
       coalesce(VSPERF_STD, VSPERF) AS vsperf, t.code AS vstestcd, t.name AS vstest,
       t.result AS vsorres, num(t.result) AS vsorresn, t.unit AS vsorresu,
       vs_standard_result(num(t.result), t.unit) AS vsstresn, vs_standard_unit(t.unit) AS vsstresu,
       CASE WHEN VSPERF_STD = 'N' OR t.not_done = '1' THEN 'NOT DONE' END AS vsstat, VSREASND AS vsreasnd,
       VSDAT_RAW AS vsdat, iso_date(VSDAT_RAW) AS vsdtc
FROM   tests
WHERE  t.code <> 'HEIGHT' OR Folder IN ('SCR', 'W12', 'W24') OR t.result IS NOT NULL OR t.not_done IS NOT NULL
