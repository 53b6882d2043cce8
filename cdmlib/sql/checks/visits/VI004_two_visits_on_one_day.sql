/*
title:    Two planned visits on one day
severity: minor
action:   query
message:  Visit {visit} on {visit_date}: visit {other_visit} is dated the same day, but they are planned {days_apart} days apart. Please correct one of the dates, or
          confirm both.
field:    sv.svstdtc

Reported when the two are planned at least seven days apart. Only full dates. Of a pair the later visit of the schedule is reported.
*/
SELECT later.record_key, later.siteid, later.subjid, later.visit, later.visit_date, earlier.visit AS other_visit,
       later.planned_day - earlier.planned_day AS days_apart
FROM   visits AS later
JOIN   visits AS earlier
ON     earlier.subjid = later.subjid AND earlier.visit_date = later.visit_date AND earlier.planned_day <= later.planned_day - 7
WHERE  iso_full(later.visit_date)
QUALIFY row_number() OVER (PARTITION BY later.record_key ORDER BY earlier.planned_day DESC, earlier.record_key) = 1
