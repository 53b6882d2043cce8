/*
title:    Visit before informed consent
severity: critical
action:   query
message:  Visit {visit}: the date {visit_date} is before informed consent on {consent_date}. Please correct one of the dates, or confirm both.
field:    sv.svstdtc

One finding for each subject, on the first such visit. Partial dates are compared only as far as both are known. Assessments that are routine care and
may be taken before consent by the protocol are reported too.
*/
SELECT v.record_key, v.siteid, v.subjid, v.visit, v.visit_date, s.consent_date
FROM   visits AS v
JOIN   subjects AS s ON s.subjid = v.subjid
WHERE  iso_before(v.visit_date, s.consent_date)
QUALIFY row_number() OVER (PARTITION BY v.subjid ORDER BY v.visit_date, v.record_key) = 1
