/*
title:    Electrocardiogram after death
severity: critical
action:   query
message:  Electrocardiogram {visit}: {results} results are dated {egdtc}, but the date of death is {death_date}. Please correct one of the dates.
field:    egdtc

One finding for each subject and date, on the first of its records. Partial dates are compared only as far as both are known.
*/
SELECT min(e.record_key) AS record_key, min(e.siteid) AS siteid, e.subjid, min(e.visit) AS visit, left(e.egdtc, 10) AS egdtc, s.death_date, count(*) AS results
FROM   eg AS e
JOIN   subjects AS s ON s.subjid = e.subjid
WHERE  iso_after(left(e.egdtc, 10), s.death_date)
GROUP BY e.subjid, left(e.egdtc, 10), s.death_date
