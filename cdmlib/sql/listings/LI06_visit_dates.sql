/*
title:    Visit dates
optional: subjects, visits

One line per subject and visit that took place, with its window and how many days the visit is outside it (negative: early).
*/
SELECT v.record_key, v.siteid, v.subjid, v.visit, v.visitnum, v.visit_date, v.study_day, v.planned_day, v.window_start, v.window_end, v.days_outside,
       s.first_dose, s.status
FROM   visits AS v
LEFT JOIN subjects AS s ON s.subjid = v.subjid
ORDER BY v.siteid, v.subjid, v.visit_date NULLS LAST, v.visitnum NULLS LAST, v.record_key
