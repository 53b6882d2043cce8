/*
title:    Questionnaire completed before informed consent
severity: major
action:   query
message:  Questionnaire {qscat}: the date {qsdtc} is before informed consent on {consent_date}. Please correct one of the dates, or confirm both.
field:    qsdtc
optional: qs.qscat

One finding for each subject, questionnaire and date, on the first of its items. Partial dates are compared only as far as both are known.
*/
SELECT q.record_key, q.siteid, q.subjid, q.visit, q.qscat, q.qsdtc, s.consent_date
FROM   qs AS q
JOIN   subjects AS s ON s.subjid = q.subjid
WHERE  iso_before(q.qsdtc, s.consent_date)
QUALIFY row_number() OVER (PARTITION BY q.subjid, q.qscat, q.qsdtc ORDER BY q.record_key) = 1
