/*
title:    Visit outside its window
severity: minor
action:   review
message:  Visit {visit} on {visit_date} is {days} days {side} its window of {window_start} to {window_end}. Please find out whether the date is
          right and record a deviation if it is.
field:    sv.svstdtc

The first and the last day of a window are inside it. Visits that are not in the plan, and subjects without a first dose, have no window.
*/
SELECT record_key, siteid, subjid, visit, visit_date, study_day, planned_day, window_start, window_end, abs(days_outside) AS days,
       CASE WHEN days_outside < 0 THEN 'before' ELSE 'after' END AS side
FROM   visits
WHERE  days_outside <> 0
