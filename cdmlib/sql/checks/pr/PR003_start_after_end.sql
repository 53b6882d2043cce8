/*
title:    Procedure starts after it ends
severity: minor
action:   query
message:  Procedure {prtrt}: start date {prstdtc} is after end date {prendtc}. Please correct one of the dates.

Partial dates are compared only as far as both are known.
*/
SELECT record_key, siteid, subjid, visit, prtrt, prstdtc, prendtc
FROM   pr
WHERE  iso_after(prstdtc, prendtc)
