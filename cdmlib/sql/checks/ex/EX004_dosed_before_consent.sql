/*
title:    Dosed before informed consent
severity: critical
action:   query
message:  Study treatment {extrt}: start date {exstdtc} is before informed consent on {consent_date}. Please correct one of the dates, or confirm both.
optional: ex.exoccur

Partial dates are compared only as far as both are known. Doses answered as not taken are left out. A subject without a consent date is a
matter of SU003.
*/
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.extrt, e.exstdtc, s.consent_date
FROM   ex AS e
JOIN   subjects AS s ON s.subjid = e.subjid
WHERE  e.exoccur IS DISTINCT FROM 'N'
AND    iso_before(e.exstdtc, s.consent_date)
