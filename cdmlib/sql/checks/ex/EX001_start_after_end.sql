/*
title:    Dosing starts after it ends
severity: major
action:   query
message:  Study treatment {extrt}: start date {exstdtc} is after end date {exendtc}. Please correct one of the dates.

Partial dates are compared only as far as both are known.
*/
SELECT record_key, siteid, subjid, visit, extrt, exstdtc, exendtc
FROM   ex
WHERE  iso_after(exstdtc, exendtc)
