/*
title:    Adverse event is related to study treatment but starts before the first dose
severity: major
action:   query
message:  Adverse event {aeterm}: the causality is {aerel}, but the start date {aestdtc} is before the first dose on {first_dose}. Please
          correct the causality or the start date.
field:    aerel, aestdtc
optional: ae.aespid

Related, possible, probable, definite and their like count as related, remote and unlikely do not; codes in figures are not read. An event
that starts on the day of the first dose is not reported, nor is one of a subject who was never dosed. Partial dates are compared only as
far as both are known. An event that was there before and became worse under treatment belongs on a record of its own. An event repeated at
several visits under its own number is reported once.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aespid, a.aeterm, a.aestdtc, a.aerel, s.first_dose
FROM   ae AS a
JOIN   subjects AS s ON s.subjid = a.subjid
WHERE  related(a.aerel) = 'Y'
AND    iso_before(a.aestdtc, s.first_dose)
QUALIFY row_number() OVER (PARTITION BY a.subjid, upper(trim(a.aeterm)), event_key(a.record_key, a.aespid) ORDER BY a.record_key) = 1
