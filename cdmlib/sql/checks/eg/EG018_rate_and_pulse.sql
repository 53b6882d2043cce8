/*
title:    Heart rate of the electrocardiogram is far from the pulse of the day
severity: minor
action:   review
params:   difference = 40
message:  Electrocardiogram {visit}, {egdtc}: heart rate is {egorres}, but the pulse of that visit and day is {pulse}. Please find out whether one of them belongs to another day or subject.
field:    egorres, vs.vsorres
optional: vs.vsorresn

More than $difference beats per minute from every pulse or heart rate among the vital signs of the same visit and day. Exercise between the two is not known here.
*/
SELECT e.record_key, min(e.siteid) AS siteid, e.subjid, min(e.visit) AS visit, min(e.egdtc) AS egdtc, min(e.egorres) AS egorres, min_by(v.vsorres, v.record_key) AS pulse
FROM   eg AS e
JOIN   vs AS v ON v.subjid = e.subjid AND v.visit = e.visit AND left(v.vsdtc, 10) = left(e.egdtc, 10) AND upper(trim(v.vstestcd)) IN ('PULSE', 'HR')
WHERE  upper(trim(e.egtestcd)) IN ('HR', 'EGHRMN')
AND    iso_full(e.egdtc)
GROUP BY e.record_key, e.subjid
HAVING min(abs(e.egorresn - v.vsorresn)) > $difference
