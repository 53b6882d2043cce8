/*
title:    Days on which the device was worn before each visit held
params:   days = 7, minutes = 600, visits = |
optional: visits.study_day

A day counts when the device was worn for so many minutes. days and visits as for the days expected. The record of days of a subject without
any visit has no visit, so that a subject who is not known comes up.
*/
WITH held AS (
    SELECT siteid, subjid, visit, visit_date
    FROM   visits
    WHERE  length(visit_date) >= 10
      AND  (($visits IN ('', '|') AND study_day > $days) OR list_contains(string_split(upper($visits), '|'), upper(visit)))
),
worn AS (
    SELECT h.siteid, h.subjid, h.visit, d.day_on, max(d.minutes_worn) AS minutes_worn
    FROM   held AS h
    JOIN   device AS d ON d.subjid = h.subjid AND iso_days(d.day_on, h.visit_date) BETWEEN 1 AND $days
    GROUP BY h.siteid, h.subjid, h.visit, d.day_on
)
SELECT 'DEVICE|' || subjid || '|' || visit AS record_key, min(siteid) AS siteid, subjid, visit,
       count(CASE WHEN minutes_worn >= $minutes THEN 1 END) AS days_worn
FROM   worn
GROUP BY subjid, visit
UNION ALL
SELECT 'DEVICE|' || subjid AS record_key, min(siteid) AS siteid, subjid, NULL AS visit, count(CASE WHEN minutes_worn >= $minutes THEN 1 END) AS days_worn
FROM   device
WHERE  subjid NOT IN (SELECT subjid FROM subjects WHERE subjid IS NOT NULL)
GROUP BY subjid
