/*
title:    Dose changed for an adverse event that is not entered
severity: major
action:   query
message:  Study treatment {extrt} from {exstdtc}, dose {exdose}: the reason for the change is {exadj}, but no adverse event that began by
          then has a change of study treatment as action taken. Please enter the adverse event, or correct the reason.
field:    exadj, ae.aeacn
optional: ex.exdose

The counterpart of AE030 and AE031. The event may have reduced, interrupted, withdrawn or increased as its action. Partial dates are
compared only as far as both are known, and an event without a start date counts.
*/
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.extrt, e.exstdtc, e.exdose, e.exadj
FROM   ex AS e
WHERE  regexp_matches(upper(e.exadj), 'ADVERSE|TOXIC|SIDE EFFECT|\bAES?\b|\bDLT\b')
AND    NOT EXISTS (
           SELECT 1
           FROM   ae AS a
           WHERE  a.subjid = e.subjid
           AND    treatment_action(a.aeacn) IS NOT NULL
           AND    iso_after(a.aestdtc, e.exstdtc) IS DISTINCT FROM true
       )
