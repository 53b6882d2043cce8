/*
title:    Informed consent date is missing
severity: critical
action:   query
message:  Demographics: the date of informed consent is {rficdat}. Please enter the date on which the subject gave consent.
optional: dm.rficdat, subjects.consent_date

A consent date on the disposition form counts too. A date that is entered but can't be read is reported by IT001.
It needs the consent date among the demographics; for studies that collect it on the disposition form, see SU005.
*/
SELECT d.record_key, d.siteid, d.subjid, d.rficdat, d.rficdtc
FROM   dm AS d
LEFT JOIN subjects AS s ON s.subjid = d.subjid
WHERE  blank(d.rficdtc)
AND    blank(s.consent_date)
AND    (blank(d.rficdat) OR unknown_text(d.rficdat))
