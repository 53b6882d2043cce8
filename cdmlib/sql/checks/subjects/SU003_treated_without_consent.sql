/*
title:    Treated subject without an informed consent date
severity: critical
action:   query
message:  Subject {subjid}: the first dose of study treatment was on {first_dose}, but there is no date of informed consent. Please enter the date of
          informed consent.

Looked at in studies where the consent date of at least one subject is known; a study that does not deliver consent dates has no
findings. A consent date after the first dose is reported by EX004.
*/
SELECT s.record_key, s.siteid, s.subjid, s.first_dose, s.consent_date, s.status
FROM   subjects AS s
WHERE  NOT blank(s.first_dose)
AND    blank(s.consent_date)
AND    EXISTS (SELECT 1 FROM subjects AS other WHERE NOT blank(other.consent_date))
