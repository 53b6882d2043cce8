/*
title:    Dates of a medication and of the adverse event it was given for disagree
severity: minor
action:   query
message:  Medication {cmtrt} from {cmstdtc} to {cmendtc}: it was given for adverse event {aeterm} from {aestdtc} to {aeendtc}, but it starts
          before the event or after its end. Please correct the dates, or the number of the event.
field:    cmstdtc, cmaeno
optional: cm.cmendtc, ae.aeendtc

By the number of the event; a text with several numbers is left out. Partial dates are compared only as far as both are known. An event that
starts after it ends is left to AE004. A medication taken before whose dose was raised for the event belongs on a record of its own.
*/
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.cmtrt, c.cmstdtc, c.cmendtc, c.cmaeno, a.record_key AS ae_record_key, a.aeterm, a.aestdtc, a.aeendtc
FROM   cm AS c
JOIN   ae AS a ON a.subjid = c.subjid AND number_key(a.aespid) = number_key(c.cmaeno)
WHERE  NOT blank(c.cmtrt)
AND    iso_after(a.aestdtc, a.aeendtc) IS DISTINCT FROM true
AND    (iso_before(c.cmstdtc, a.aestdtc) OR iso_after(c.cmstdtc, a.aeendtc))
QUALIFY row_number() OVER (PARTITION BY c.record_key ORDER BY a.record_key) = 1
AND    count(*) OVER (PARTITION BY c.record_key) = (SELECT count(*) FROM ae AS n WHERE n.subjid = c.subjid AND number_key(n.aespid) = number_key(c.cmaeno))
