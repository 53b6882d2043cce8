/*
title:    Adverse event starts long after the subject left the study
severity: minor
action:   query
params:   max_days = 30
message:  Adverse event {aeterm}: start date {aestdtc} is {days_after} days after the end of participation on {disposition_date}; events are
          collected for {max_days} days. Please correct one of the dates, or confirm both.
field:    aestdtc, ds.dsstdtc
optional: ae.aespid, subjects.death_date

Set max_days to the follow-up period of the protocol; related serious events may be reported later. Only full dates are compared. Events
after death are left to AE011. An event repeated at several visits under its own number is reported once.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aespid, a.aeterm, a.aestdtc, s.disposition, s.disposition_date, iso_days(s.disposition_date, a.aestdtc) AS days_after
FROM   ae AS a
JOIN   subjects AS s ON s.subjid = a.subjid
WHERE  iso_days(s.disposition_date, a.aestdtc) > $max_days
AND    iso_after(a.aestdtc, s.death_date) IS DISTINCT FROM true
QUALIFY row_number() OVER (PARTITION BY a.subjid, upper(trim(a.aeterm)), event_key(a.record_key, a.aespid) ORDER BY a.record_key) = 1
