/*
title:    Demographics collected before informed consent
severity: major
action:   query
message:  Demographics: collected on {dmdtc}, before informed consent on {consent_date}. Please correct one of the dates, or confirm both.

Partial dates are compared only as far as both are known. Dates of other pages are looked at by VI005.
*/
SELECT d.record_key, d.siteid, d.subjid, d.dmdtc, s.consent_date
FROM   dm AS d
JOIN   subjects AS s ON s.subjid = d.subjid
WHERE  iso_before(d.dmdtc, s.consent_date)
