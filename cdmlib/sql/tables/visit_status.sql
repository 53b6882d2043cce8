/*
title:    Visit status
optional: edc_visits, subjects, visits, visit_plan

One row per subject and visit that is planned: from the visit listing of the EDC when the study gives one, else worked out from the plan.
- status: completed, expected (due later), overdue (due and not entered), missed (said not to have taken place), terminated (the subject left
  the study before), failed (the subject failed screening), not due. Another word of a listing stays as it is.
- From a listing: its own word, else overdue or expected by the projected date.
- From the plan: a visit is due on the last day of its window, counted from the first dose; `not due` when the subject was not dosed, and
  terminated when the subject's study ended before that day.
- What is overdue is decided by the macro `overdue`: due before the cut-off date. A visit that is due on the cut-off date is not overdue yet.
*/
WITH from_listing AS (
    SELECT subjid || '|' || coalesce(visit, '') AS record_key, siteid, subjid, visit, source, dataset, source_row, visitnum, planneddtc, visitdtc, days_outstanding,
           CASE
               WHEN upper(trim(state)) IN ('COMPLETED', 'COMPLETE', 'ENTERED', 'DONE') THEN 'completed'
               WHEN upper(trim(state)) IN ('EXPECTED', 'PLANNED', 'SCHEDULED') THEN 'expected'
               WHEN upper(trim(state)) IN ('OVERDUE', 'OUTSTANDING') THEN 'overdue'
               WHEN upper(trim(state)) IN ('MISSED', 'NOT DONE') THEN 'missed'
               WHEN upper(trim(state)) = 'TERMINATED' THEN 'terminated'
               WHEN upper(trim(state)) IN ('FAILED', 'SCREEN FAILURE') THEN 'failed'
               WHEN NOT blank(state) THEN lower(trim(state))
               WHEN overdue(planneddtc, 0, $as_of) OR days_outstanding > 0 THEN 'overdue'
               ELSE 'expected'
           END AS status
    FROM   edc_visits
),
ended AS (
    SELECT subjid, siteid, first_dose, status, coalesce(least(disposition_date, death_date), '9999') AS end_date
    FROM   subjects
),
due AS (
    SELECT s.subjid, s.siteid, s.end_date, p.visit, p.visitnum, count(s.first_dose) OVER () > 0 AS doses_known,
           iso_plus(s.first_dose, CASE WHEN p.day > 0 THEN p.day - 1 ELSE p.day END + p.after) AS due_on
    FROM   ended AS s
    CROSS JOIN visit_plan AS p
),
from_plan AS (
    SELECT d.subjid || '|' || d.visit AS record_key, d.siteid, d.subjid, d.visit, CAST(NULL AS VARCHAR) AS source, CAST(NULL AS VARCHAR) AS dataset,
           CAST(NULL AS BIGINT) AS source_row, d.visitnum, d.due_on AS planneddtc, v.visit_date AS visitdtc, CAST(NULL AS DOUBLE) AS days_outstanding,
           CASE
               WHEN NOT d.doses_known THEN NULL
               WHEN v.subjid IS NOT NULL THEN 'completed'
               WHEN d.due_on IS NULL THEN 'not due'
               WHEN d.end_date < d.due_on THEN 'terminated'
               WHEN overdue(d.due_on, 0, $as_of) THEN 'overdue'
               ELSE 'expected'
           END AS status
    FROM   due AS d
    LEFT JOIN (SELECT subjid, visit, min(visit_date) AS visit_date FROM visits GROUP BY subjid, visit) AS v
           ON v.subjid = d.subjid AND upper(trim(v.visit)) = upper(trim(d.visit))
    WHERE  NOT EXISTS (SELECT 1 FROM from_listing)
)
SELECT l.record_key, coalesce(s.siteid, l.siteid) AS siteid, l.subjid, l.visit, CAST(NULL AS VARCHAR) AS form, CAST(NULL AS VARCHAR) AS formrow, l.source, l.dataset,
       l.source_row, l.visitnum, l.status, l.planneddtc, l.visitdtc,
       CASE WHEN l.status = 'overdue' THEN coalesce(iso_days(l.planneddtc, $as_of), CAST(l.days_outstanding AS BIGINT)) END AS days_overdue
FROM  (SELECT * FROM from_listing UNION ALL SELECT * FROM from_plan) AS l
LEFT JOIN (SELECT subjid, min(siteid) AS siteid FROM subjects GROUP BY subjid) AS s ON s.subjid = l.subjid
