/*
title:    Days on which the device must have been worn before each visit held
params:   days = 7, visits = |
optional: visits.study_day

days: how many before the visit. visits: names of the visits, separated by |; nothing means every visit held after the first dose.
*/
SELECT record_key, siteid, subjid, visit, visit_date, $days AS days_expected
FROM   visits
WHERE  length(visit_date) >= 10
  AND  (($visits IN ('', '|') AND study_day > $days) OR list_contains(string_split(upper($visits), '|'), upper(visit)))
