/*
title:    Planned visit is missing between two others
severity: major
action:   query
message:  Visit {visit} on {visit_date}: before it {missing} is planned, but nothing is entered for it. Please enter the visit, or the answer that it was not held.
field:    sv.svstdtc
optional: sv

The finding is on the next visit that was held. A visit answered as not held is entered. Visits whose names are not those of the study's schedule are passed over; a
visit that is missing at the end is found by SU007.
*/
WITH schedule AS (
    SELECT visit, upper(trim(visit)) AS name, visitnum, row_number() OVER (ORDER BY visitnum, day, visit) AS place
    FROM   visit_plan
),
entered AS (
    SELECT v.record_key, v.siteid, v.subjid, v.visit, v.visit_date, v.planned_day, s.place
    FROM   visits AS v
    JOIN   schedule AS s ON s.name = upper(trim(v.visit))
    QUALIFY row_number() OVER (PARTITION BY v.subjid, s.place ORDER BY v.record_key) = 1
),
known AS (
    SELECT subjid, place FROM entered
    UNION
    SELECT n.subjid, s.place FROM sv AS n JOIN schedule AS s ON s.name = upper(trim(n.visit))
),
gaps AS (  -- the places between a visit and the nearest known one before it
    SELECT e.record_key, e.siteid, e.subjid, e.visit, e.visit_date, e.planned_day, e.place, max(k.place) AS place_before
    FROM   entered AS e
    JOIN   known AS k ON k.subjid = e.subjid AND k.place < e.place
    GROUP BY e.record_key, e.siteid, e.subjid, e.visit, e.visit_date, e.planned_day, e.place
)
SELECT g.record_key, g.siteid, g.subjid, g.visit, g.visit_date, g.planned_day, string_agg(s.visit, ', ' ORDER BY s.place) AS missing
FROM   gaps AS g
JOIN   schedule AS s ON s.place > g.place_before AND s.place < g.place
GROUP BY g.record_key, g.siteid, g.subjid, g.visit, g.visit_date, g.planned_day
