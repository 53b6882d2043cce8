/*
title:    Completed without the last planned visit
severity: major
action:   query
message:  Disposition {dsdecod} on {dsstdtc}: no {planned_last} visit is entered; the last one is {last_visit} on {last_date}. Please correct the disposition, or
          enter the visit.
optional: ds.dscat, ds.dsscat, ds.dsdecod, ds.dsstdtc

Not reported when the planned last visit is entered as not held, nor when an unplanned visit is the last one, other than an early termination. It compares names of
visits with the schedule of the study.
*/
WITH schedule AS (
    SELECT visit AS planned_last, upper(trim(visit)) AS name, visitnum
    FROM   visit_plan
    QUALIFY row_number() OVER (ORDER BY visitnum DESC, day DESC) = 1
),
latest AS (
    SELECT subjid, visit AS last_visit, visit_date AS last_date, visitnum, planned_day
    FROM   visits
    QUALIFY row_number() OVER (PARTITION BY subjid ORDER BY visit_date DESC NULLS LAST, visitnum DESC NULLS LAST, record_key DESC) = 1
)
SELECT d.record_key, d.siteid, d.subjid, d.visit, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm) AS dsdecod, d.dsstdtc, s.planned_last, l.last_visit, l.last_date
FROM   ds AS d
JOIN   latest AS l ON l.subjid = d.subjid AND (l.planned_day IS NOT NULL OR upper(l.last_visit) LIKE '%EARLY TERM%')
CROSS JOIN schedule AS s
WHERE  study_disposition(d.dscat, d.dsscat, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    completed_term(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    NOT EXISTS (SELECT 1 FROM visits AS v WHERE v.subjid = d.subjid AND upper(trim(v.visit)) = s.name)
AND    NOT EXISTS (SELECT 1 FROM sv AS n WHERE n.subjid = d.subjid AND upper(trim(n.visit)) = s.name)
