/*
title:    Adverse event starts after death
severity: critical
action:   query
message:  Adverse event {aeterm}: start date {aestdtc} is after the date of death {death_date}. Please correct one of the dates.

Partial dates are compared only as far as both are known.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aeterm, a.aestdtc, s.death_date
FROM   ae AS a
JOIN   subjects AS s ON s.subjid = a.subjid
WHERE  iso_after(a.aestdtc, s.death_date)
