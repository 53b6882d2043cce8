/*
title:    Planned visit is overdue
severity: major
action:   query
params:   days = 14
message:  Subject {subjid}: {visit_due} was planned until {due}, but it is not entered; the last visit entered is {last_visit} on {last_date}. Please enter the visit, or the
          answer that it was not held.
field:    sv.svstdtc
optional: sv, subjects.disposition

Overdue from the day after the last day of the window and $days days more for entering. Of several the first is named. Subjects who have a disposition, died or were
never dosed are left out, and so are visits before the last one held, which VI003 reports.
*/
WITH schedule AS (
    SELECT visit, upper(trim(visit)) AS name, visitnum, day, after, row_number() OVER (ORDER BY visitnum, day, visit) AS place
    FROM   visit_plan
),
known AS (
    SELECT v.subjid, s.place, v.visit, v.visit_date, v.planned_day FROM visits AS v JOIN schedule AS s ON s.name = upper(trim(v.visit))
    UNION ALL
    SELECT n.subjid, s.place, NULL, NULL, NULL FROM sv AS n JOIN schedule AS s ON s.name = upper(trim(n.visit)) WHERE yes_no(n.svoccur) = 'N'
),
reached AS (
    SELECT subjid, max(place) AS place, max_by(visit, place) AS last_visit, max_by(visit_date, place) AS last_date
    FROM   known
    GROUP BY subjid
)
SELECT s.record_key, s.siteid, s.subjid, p.visit AS visit_due, iso_plus(planned_date(s.first_dose, p.day), p.after) AS due, r.last_visit, r.last_date, s.first_dose, s.status
FROM   subjects AS s
JOIN   reached AS r ON r.subjid = s.subjid
JOIN   schedule AS p ON p.place > r.place
WHERE  blank(s.disposition)
AND    s.status IS DISTINCT FROM 'DEATH'
AND    overdue(iso_plus(planned_date(s.first_dose, p.day), p.after), $days, $as_of)
QUALIFY row_number() OVER (PARTITION BY s.subjid ORDER BY p.place) = 1
