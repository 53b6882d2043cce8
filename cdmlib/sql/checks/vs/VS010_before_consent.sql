/*
title:    Vital signs measured before informed consent
severity: major
action:   review
message:  Vital signs {visit}: {results} results of {vsdtc}, before informed consent on {consent_date}. Please find out whether they were taken as part of usual care, or one of the dates
          is wrong.
field:    vsdtc

One finding for each subject and date, on the first of its records. Partial dates are compared only as far as both are known.
*/
SELECT min(v.record_key) AS record_key, min(v.siteid) AS siteid, v.subjid, min(v.visit) AS visit, left(v.vsdtc, 10) AS vsdtc, s.consent_date, count(*) AS results
FROM   vs AS v
JOIN   subjects AS s ON s.subjid = v.subjid
WHERE  iso_before(left(v.vsdtc, 10), s.consent_date)
AND    NOT blank(v.vsorres)
GROUP BY v.subjid, left(v.vsdtc, 10), s.consent_date
