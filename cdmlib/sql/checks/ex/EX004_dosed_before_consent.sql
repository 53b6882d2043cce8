/*
title:    Dosed before informed consent or randomisation
severity: critical
action:   query
message:  Study treatment {extrt}: start date {exstdtc} is before {milestone} on {milestone_date}. Please correct one of the dates, or confirm both.
optional: ex.exoccur

Partial dates are compared only as far as both are known. Doses answered as not taken are left out. Where the design has a run-in
treatment before randomisation, those doses are reported too. A subject without a consent date is a matter of SU003.
*/
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.extrt, e.exstdtc,
       CASE WHEN iso_before(e.exstdtc, s.consent_date) THEN 'informed consent' ELSE 'randomisation' END AS milestone,
       CASE WHEN iso_before(e.exstdtc, s.consent_date) THEN s.consent_date ELSE s.randomised_date END AS milestone_date
FROM   ex AS e
JOIN   subjects AS s ON s.subjid = e.subjid
WHERE  e.exoccur IS DISTINCT FROM 'N'
AND    (iso_before(e.exstdtc, s.consent_date) OR iso_before(e.exstdtc, s.randomised_date))
