/*
title:    Vital sign is not plausible
severity: major
action:   query
message:  Vital signs {visit}, {vsdtc}: {test} is {vsorres} {vsorresu}, outside {low} to {high} {unit}. Please correct the value or the unit,
          or confirm both.
optional: vs.vsorresu

Limits are for adults, in kg, cm, degrees Celsius, mmHg and per minute, and are themselves plausible. A study in children needs its own
copy of this check. A result in an unknown unit has no standard result and is not judged.
*/
SELECT v.record_key, v.siteid, v.subjid, v.visit, v.vsdtc, p.test, v.vsorres, v.vsorresu, v.vsstresn, p.low, p.high, p.unit
FROM   vs AS v
JOIN   (VALUES ('SYSBP', 'systolic blood pressure', 60, 260, 'mmHg'),
               ('DIABP', 'diastolic blood pressure', 30, 160, 'mmHg'),
               ('PULSE', 'pulse', 30, 220, 'beats/min'),
               ('HR', 'heart rate', 30, 220, 'beats/min'),
               ('RESP', 'respiratory rate', 6, 60, 'breaths/min'),
               ('TEMP', 'temperature', 33, 42, 'C'),
               ('WEIGHT', 'weight', 30, 250, 'kg'),
               ('HEIGHT', 'height', 120, 220, 'cm'),
               ('BMI', 'body mass index', 12, 80, 'kg/m2')) AS p (vstestcd, test, low, high, unit)
ON     p.vstestcd = upper(trim(v.vstestcd))
WHERE  v.vsstresn < p.low OR v.vsstresn > p.high
