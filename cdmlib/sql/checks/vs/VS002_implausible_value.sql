/*
title:    Vital sign is not plausible
severity: major
action:   query
message:  Vital signs {visit}, {vsdtc}: {test} is {vsorres} {vsorresu}, outside {low} to {high} {unit}. Please correct the value or the unit,
          or confirm both.
optional: vs.vsorresu

Limits are for adults and stand in the table vital_limits, in kg, cm, degrees Celsius, mmHg and per minute; they are themselves plausible. A study in children needs its own
copy of this check. A result in an unknown unit has no standard result and is not judged (VS022).
*/
SELECT v.record_key, v.siteid, v.subjid, v.visit, v.vsdtc, p.test, v.vsorres, v.vsorresu, v.vsstresn, p.low, p.high, p.unit
FROM   vs AS v
JOIN   vital_limits AS p ON p.testcd = upper(trim(v.vstestcd))
WHERE  v.vsstresn < p.low OR v.vsstresn > p.high
