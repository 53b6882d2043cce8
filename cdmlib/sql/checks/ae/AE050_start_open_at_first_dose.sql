/*
title:    Incomplete start date leaves open whether an event began under treatment
severity: minor
action:   query
message:  Adverse event {aeterm}: with the start date {aestdtc} it is not known whether the event began before the first dose on
          {first_dose}. Please enter the day as far as the subject remembers it, or confirm that it is not known.
field:    aestdtc
optional: ae.aespid, ae.aestdat, ae.aeendtc

Only partial dates within which the first dose lies. Analysis counts such an event as one under treatment. A day entered as not known is
reported too. A start after the end is left to AE004. An event repeated at several visits under its own number is reported once.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aespid, a.aeterm, a.aestdat, a.aestdtc, s.first_dose
FROM   ae AS a
JOIN   subjects AS s ON s.subjid = a.subjid
WHERE  NOT blank(a.aeterm)
AND    length(a.aestdtc) IN (4, 7)
AND    iso_after(a.aestdtc, a.aeendtc) IS DISTINCT FROM true
AND    left(s.first_dose, length(a.aestdtc)) = a.aestdtc
QUALIFY row_number() OVER (PARTITION BY a.subjid, upper(trim(a.aeterm)), event_key(a.record_key, a.aespid) ORDER BY a.record_key) = 1
