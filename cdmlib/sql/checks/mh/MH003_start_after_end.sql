/*
title:    Medical history starts after it ends
severity: minor
action:   query
message:  Medical history {mhterm}: start date {mhstdtc} is after end date {mhendtc}. Please correct one of the dates.

Partial dates are compared only as far as both are known.
*/
SELECT record_key, siteid, subjid, visit, mhterm, mhstdtc, mhendtc
FROM   mh
WHERE  iso_after(mhstdtc, mhendtc)
