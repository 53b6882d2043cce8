/*
title:    Action on study treatment for an event that was over before it began
severity: major
action:   query
message:  Adverse event {aeterm} from {aestdtc} to {aeendtc}: action taken with study treatment is {aeacn}, but the first dose was on
          {first_dose}. Please correct the action taken, or the dates.
field:    aeacn, aeendtc

Reported when the event ended before the first dose, or when the subject left the study without one. Partial dates are compared only as far
as both are known. A subject who is still expected to be dosed is not reported.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aeterm, a.aestdtc, a.aeendtc, a.aeacn, s.first_dose
FROM   ae AS a
JOIN   subjects AS s ON s.subjid = a.subjid
WHERE  treatment_action(a.aeacn) IS NOT NULL
AND    (iso_before(a.aeendtc, s.first_dose) OR (blank(s.first_dose) AND s.status NOT IN ('SCREENED', 'RANDOMISED', 'ON TREATMENT')))
