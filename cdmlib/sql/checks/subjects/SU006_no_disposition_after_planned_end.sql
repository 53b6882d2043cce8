/*
title:    No disposition although the planned end has passed
severity: major
action:   query
params:   days = 30
message:  Subject {subjid}: first dosed on {first_dose}, so the last visit was planned until {planned_end}, but no disposition is entered. Please enter how the subject left
          the study.
field:    ds.dsdecod
optional: subjects.disposition, subjects.last_contact

Reported from the day after the last day of the last window and $days days more. Subjects who were never dosed, and those who died, are left out.
*/
WITH ends AS (SELECT max_by(day, day + after) AS day, max_by(after, day + after) AS after FROM visit_plan)
SELECT s.record_key, s.siteid, s.subjid, s.first_dose, iso_plus(planned_date(s.first_dose, e.day), e.after) AS planned_end, s.last_contact, s.status
FROM   subjects AS s
CROSS JOIN ends AS e
WHERE  blank(s.disposition)
AND    s.status IS DISTINCT FROM 'DEATH'
AND    overdue(iso_plus(planned_date(s.first_dose, e.day), e.after), $days, $as_of)
AND    EXISTS (SELECT 1 FROM visits AS v WHERE v.planned_day IS NOT NULL)
