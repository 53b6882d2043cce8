/*
title:    Adverse event starts before informed consent
severity: major
action:   query
message:  Adverse event {aeterm}: start date {aestdtc} is before informed consent on {consent_date}. Please correct the date, or record
          the condition as medical history.

Partial dates are compared only as far as both are known. It does not catch events of subjects whose consent date is not known (DM004, SU003).
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aeterm, a.aestdtc, s.consent_date
FROM   ae AS a
JOIN   subjects AS s ON s.subjid = a.subjid
WHERE  NOT blank(a.aeterm)
AND    iso_before(a.aestdtc, s.consent_date)
