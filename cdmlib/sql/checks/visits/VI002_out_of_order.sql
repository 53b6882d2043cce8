/*
title:    Visits are out of order
severity: major
action:   query
message:  Visit {visit}: the date {visit_date} is before {earlier_visit} on {earlier_date}, which comes earlier in the schedule. Please correct
          one of the dates.
field:    sv.svstdtc

Each visit is compared with the one before it in number, so one mistyped date gives one finding. Visits without a number or a full date,
and unscheduled visits, are passed over. Two visits on one day are allowed.
*/
WITH numbered AS (
    SELECT record_key, siteid, subjid, visit, visitnum, visit_date,
           lag(visit) OVER (PARTITION BY subjid ORDER BY visitnum, visit_date, record_key) AS earlier_visit,
           lag(visit_date) OVER (PARTITION BY subjid ORDER BY visitnum, visit_date, record_key) AS earlier_date
    FROM   visits
    WHERE  visitnum IS NOT NULL
    AND    iso_full(visit_date)
    AND    coalesce(upper(visit), '') NOT LIKE 'UNSCHED%'
)
SELECT record_key, siteid, subjid, visit, visitnum, visit_date, earlier_visit, earlier_date
FROM   numbered
WHERE  iso_before(visit_date, earlier_date)
