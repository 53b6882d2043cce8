/*
title:    Procedure before the adverse event it was done for
severity: minor
action:   query
message:  Procedure {prtrt}: date {prstdtc} is before {aestdtc}, the start of the adverse event {aeterm} it was done for. Please correct one
          of the dates, or the number of the event.
field:    prstdtc, praeno

By the number of the event; a text with several numbers is left out. Partial dates are compared only as far as both are known. An
examination that found the event has the date of its start.
*/
SELECT p.record_key, p.siteid, p.subjid, p.visit, p.prtrt, p.prstdtc, p.praeno, a.record_key AS ae_record_key, a.aeterm, a.aestdtc
FROM   pr AS p
JOIN   ae AS a ON a.subjid = p.subjid AND number_key(a.aespid) = number_key(p.praeno)
WHERE  NOT blank(p.prtrt)
AND    iso_before(p.prstdtc, a.aestdtc)
QUALIFY row_number() OVER (PARTITION BY p.record_key ORDER BY a.record_key) = 1
