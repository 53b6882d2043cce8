/*
title:    Study treatment withdrawn for an adverse event but dosing goes on
severity: critical
action:   query
message:  Adverse event {aeterm} from {aestdtc} to {aeendtc}: action taken with study treatment is {aeacn}, but a dosing record starts on
          {later_start}, after the end of the event. Please correct the action taken or the dosing record.
field:    aeacn, ex.exstdtc
optional: ex.exoccur

Only events that have ended are judged: treatment may be withdrawn any day during an event. Partial dates are compared only as far as both
are known. Where one of several study treatments was withdrawn and the others go on, confirm.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aeterm, a.aestdtc, a.aeendtc, a.aeacn, min(e.exstdtc) AS later_start
FROM   ae AS a
JOIN   ex AS e ON e.subjid = a.subjid
WHERE  treatment_action(a.aeacn) = 'WITHDRAWN'
AND    e.exoccur IS DISTINCT FROM 'N'
AND    iso_after(e.exstdtc, a.aeendtc)
GROUP BY a.record_key, a.siteid, a.subjid, a.visit, a.aeterm, a.aestdtc, a.aeendtc, a.aeacn
