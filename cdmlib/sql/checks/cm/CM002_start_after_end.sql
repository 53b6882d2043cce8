/*
title:    Medication starts after it ends
severity: major
action:   query
message:  Medication {cmtrt}: start date {cmstdtc} is after end date {cmendtc}. Please correct one of the dates.

Partial dates are compared only as far as both are known.
*/
SELECT record_key, siteid, subjid, visit, cmtrt, cmstdtc, cmendtc
FROM   cm
WHERE  iso_after(cmstdtc, cmendtc)
