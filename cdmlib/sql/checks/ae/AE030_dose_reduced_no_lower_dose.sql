/*
title:    Dose reduced for an adverse event but no lower dose recorded
severity: major
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: action taken with study treatment is {aeacn}, but no lower dose is recorded from then
          on. Please correct the action taken, or enter the change of dose.
field:    aeacn, ex.exdose
optional: ex.exoccur

A dose below the highest given before, on a record that starts on or after the start of the event, is a reduction; so is a dose after the
event when its start date is not fully known. Where dosing is entered later than events, the finding goes when it is. It reads numbers only.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aeterm, a.aestdtc, a.aeacn
FROM   ae AS a
WHERE  treatment_action(a.aeacn) = 'REDUCED'
AND    EXISTS (SELECT 1 FROM ex AS g WHERE g.subjid = a.subjid AND g.exdose IS NOT NULL)
AND    NOT EXISTS (
           SELECT 1
           FROM   ex AS e
           JOIN   ex AS b ON b.subjid = e.subjid AND b.exdose > e.exdose AND b.exstdtc < e.exstdtc
           WHERE  e.subjid = a.subjid
           AND    e.exoccur IS DISTINCT FROM 'N'
           AND    iso_before(e.exstdtc, a.aestdtc) IS DISTINCT FROM true
       )
