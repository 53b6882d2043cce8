/*
title:    Dosed before randomisation
severity: critical
action:   query
message:  Study treatment {extrt}: start date {exstdtc} is before randomisation on {randomised_date}. Please correct one of the dates, or confirm both.
optional: ex.exoccur, subjects.consent_date

Partial dates are compared only as far as both are known. Doses answered as not taken are left out. Where the design has a run-in
treatment before randomisation, those doses are reported too: switch the check off there. A dose before consent as well is left to EX004.
*/
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.extrt, e.exstdtc, s.randomised_date
FROM   ex AS e
JOIN   subjects AS s ON s.subjid = e.subjid
WHERE  e.exoccur IS DISTINCT FROM 'N'
AND    iso_before(e.exstdtc, s.randomised_date)
AND    iso_before(e.exstdtc, s.consent_date) IS DISTINCT FROM true
