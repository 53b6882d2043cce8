/*
title:    Adverse event starts after it ends
severity: major
action:   query
message:  AE {aeterm}: start date {aestdtc} is after end date {aeendtc}. Please correct one of the dates, or confirm both.

Partial dates are compared only as far as both are known: 2024-03 is not after 2024-03-02.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aeendtc
FROM   ae
WHERE  iso_after(aestdtc, aeendtc)
