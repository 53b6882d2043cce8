/*
title:    Birth date is not before informed consent
severity: major
action:   query
message:  Demographics: birth date {brthdtc} is not before informed consent on {consent_date}. Please correct one of the dates.

Compared only as far as both are known: a birth in the year of consent is reported only when month and day say so. A subject who is too young
for the protocol is found by DM002.
*/
SELECT d.record_key, d.siteid, d.subjid, d.brthdtc, s.consent_date
FROM   dm AS d
JOIN   subjects AS s ON s.subjid = d.subjid
WHERE  iso_after(d.brthdtc, s.consent_date)
OR     (iso_full(d.brthdtc) AND left(d.brthdtc, 10) = s.consent_date)
