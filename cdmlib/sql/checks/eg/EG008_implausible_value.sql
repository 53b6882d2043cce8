/*
title:    Electrocardiogram measurement is not plausible
severity: major
action:   query
message:  Electrocardiogram {visit}, {egdtc}: {test} is {egorres} {egorresu}, outside {low} to {high} {unit}. Please correct the value or the unit, or confirm both.
field:    egorres, egorresu
optional: eg.egorresu, eg.egstresn, eg.egstresu

Limits are for adults and stand in the table ecg_limits, in milliseconds and beats per minute; they are themselves plausible. Standard results are compared where there are any; a result in seconds is
multiplied by 1000.
*/
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.egdtc, l.test, e.egorres, e.egorresu, l.low, l.high, l.unit
FROM   eg AS e
JOIN   ecg_limits AS l ON l.testcd = upper(trim(e.egtestcd))
WHERE  coalesce(e.egstresn, e.egorresn) * CASE WHEN unit_key(coalesce(e.egstresu, e.egorresu)) IN ('s', 'sec') THEN 1000 ELSE 1 END NOT BETWEEN l.low AND l.high
