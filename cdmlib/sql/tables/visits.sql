/*
title:    Visits
optional: subjects, sv, vs, lb, eg, qs

One row per subject and visit that took place: from the visit records when the study has any, else the earliest full date that vital signs,
laboratory, electrocardiogram and questionnaires give for the visit. A visit held again has a row per date.
- record_key is subject|visit; for each further date of the same visit, subject|visit|date.
- The window is counted from the first dose. Day 1 is the day of the first dose and there is no day 0, so day -7 is seven days before it.
- days_outside is negative before the window, positive after it, 0 inside. It is empty when the visit is not in the plan, or the first dose
  or the visit date is not fully known.
*/
WITH held AS (
    SELECT subjid, min(siteid) AS siteid, visit, left(nullif(svstdtc, ''), 10) AS visit_date, min(visitnum) AS visitnum,
           min_by(form, record_key) AS form, min_by(formrow, record_key) AS formrow, min_by(source, record_key) AS source,
           min_by(dataset, record_key) AS dataset, min_by(source_row, record_key) AS source_row
    FROM   sv
    WHERE  svoccur IS DISTINCT FROM 'N'
    GROUP BY subjid, visit, left(nullif(svstdtc, ''), 10)
),
seen AS (
    SELECT subjid, min(siteid) AS siteid, visit, min(left(day, 10)) AS visit_date
    FROM  (SELECT subjid, siteid, visit, vsdtc AS day FROM vs WHERE iso_full(vsdtc)
           UNION ALL SELECT subjid, siteid, visit, lbdtc FROM lb WHERE iso_full(lbdtc)
           UNION ALL SELECT subjid, siteid, visit, egdtc FROM eg WHERE iso_full(egdtc)
           UNION ALL SELECT subjid, siteid, visit, qsdtc FROM qs WHERE iso_full(qsdtc)) AS days
    WHERE  NOT blank(visit) AND NOT EXISTS (SELECT 1 FROM sv)
    GROUP BY subjid, visit
),
happened AS (
    SELECT subjid, siteid, visit, visit_date, visitnum, form, formrow, source, dataset, source_row FROM held
    UNION ALL
    SELECT subjid, siteid, visit, visit_date, NULL, NULL, NULL, NULL, NULL, NULL FROM seen
),
numbered AS (
    SELECT h.subjid, h.siteid, h.visit, h.visit_date, h.visitnum, h.form, h.formrow, h.source, h.dataset, h.source_row,
           row_number() OVER (PARTITION BY h.subjid, h.visit ORDER BY h.visit_date NULLS LAST) AS time_held
    FROM   happened AS h
    WHERE  NOT blank(h.subjid)
),
planned AS (
    SELECT upper(trim(visit)) AS name, visitnum, day, before, after
    FROM   visit_plan
    QUALIFY row_number() OVER (PARTITION BY upper(trim(visit)) ORDER BY visitnum, day) = 1
),
placed AS (
    SELECT n.subjid, n.siteid, n.visit, n.visit_date, n.form, n.formrow, n.source, n.dataset, n.source_row, n.time_held,
           coalesce(n.visitnum, p.visitnum) AS visitnum, p.day AS planned_day, s.first_dose,
           iso_plus(planned_date(s.first_dose, p.day), -p.before) AS window_start,
           iso_plus(planned_date(s.first_dose, p.day), p.after) AS window_end
    FROM   numbered AS n
    LEFT JOIN planned AS p ON p.name = upper(trim(n.visit))
    LEFT JOIN subjects AS s ON s.subjid = n.subjid
)
SELECT subjid || '|' || coalesce(visit, '') || CASE WHEN time_held > 1 THEN '|' || coalesce(visit_date, '') ELSE '' END AS record_key,
       siteid, subjid, visit, form, formrow, source, dataset, source_row,
       visitnum, visit_date, study_day(visit_date, first_dose) AS study_day, planned_day, window_start, window_end,
       CASE
           WHEN iso_days(visit_date, window_start) > 0 THEN -iso_days(visit_date, window_start)
           WHEN iso_days(window_end, visit_date) > 0 THEN iso_days(window_end, visit_date)
           WHEN iso_days(visit_date, window_start) IS NOT NULL OR iso_days(window_end, visit_date) IS NOT NULL THEN 0
       END AS days_outside
FROM   placed
ORDER BY siteid, subjid, visit_date NULLS LAST, visitnum NULLS LAST, record_key
