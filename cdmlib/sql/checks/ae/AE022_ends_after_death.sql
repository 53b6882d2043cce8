/*
title:    Adverse event ends after death
severity: major
action:   query
message:  Adverse event {aeterm}: end date {aeendtc} is after the date of death {death_date}. Please correct one of the dates.

Partial dates are compared only as far as both are known. An event that starts after death is left to AE011.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aeterm, a.aestdtc, a.aeendtc, s.death_date
FROM   ae AS a
JOIN   subjects AS s ON s.subjid = a.subjid
WHERE  iso_after(a.aeendtc, s.death_date)
AND    iso_after(a.aestdtc, s.death_date) IS DISTINCT FROM true
