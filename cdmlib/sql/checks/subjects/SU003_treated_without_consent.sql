/*
title:    Treated subject without an informed consent date
severity: critical
action:   query
message:  Subject {subjid}: the first dose of study treatment was on {first_dose}, but there is no date of informed consent. Please enter the date of
          informed consent.
field:    dm.rficdtc

Not run where no subject of the study has a consent date, as it is then not collected here. A consent date after the first dose is
reported by EX004.
*/
SELECT s.record_key, s.siteid, s.subjid, s.first_dose, s.consent_date, s.status
FROM   subjects AS s
WHERE  NOT blank(s.first_dose)
AND    blank(s.consent_date)
