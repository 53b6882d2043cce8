/*
title:    Subject has data but no demographics
severity: critical
action:   query
message:  Subject {subjid}: there are records of this subject, the last dated {last_contact}, but no demographics. Please enter the demographics.
optional: subjects.first_dose
*/
SELECT s.record_key, s.siteid, s.subjid, s.first_dose, s.last_contact, s.status
FROM   subjects AS s
WHERE  NOT EXISTS (SELECT 1 FROM dm AS d WHERE d.subjid = s.subjid)
