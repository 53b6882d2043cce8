/*
title:    Electrocardiogram before informed consent
severity: major
action:   review
message:  Electrocardiogram {visit}: {results} results of {egdtc}, before informed consent on {consent_date}. Please find out whether it was recorded as part of usual care, or one of the dates is wrong.
field:    egdtc

One finding for each subject and date, on the first of its records. Partial dates are compared only as far as both are known.
*/
SELECT min(e.record_key) AS record_key, min(e.siteid) AS siteid, e.subjid, min(e.visit) AS visit, left(e.egdtc, 10) AS egdtc, s.consent_date, count(*) AS results
FROM   eg AS e
JOIN   subjects AS s ON s.subjid = e.subjid
WHERE  iso_before(left(e.egdtc, 10), s.consent_date)
AND    NOT blank(e.egorres)
GROUP BY e.subjid, left(e.egdtc, 10), s.consent_date
