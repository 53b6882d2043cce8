/*
title:    Date of a questionnaire differs from the visit date
severity: minor
action:   query
params:   days = 3
message:  Questionnaire {qscat} at visit {visit}: it is dated {qsdtc}, {days_away} days from the visit on {visit_date}. Please correct one of the dates, or confirm both.
field:    qsdtc, sv.svstdtc
optional: qs.qscat, sv.svendtc

More than $days days from the nearest visit of that name; a visit may last several days. One finding for each subject, visit, questionnaire and date, on the first of its
records. Only full dates. A visit without a visit record is not looked at.
*/
WITH pages AS (
    SELECT subjid, visit, qscat, left(qsdtc, 10) AS day, min(record_key) AS record_key, min(siteid) AS siteid
    FROM   qs
    WHERE  iso_full(qsdtc)
    GROUP BY subjid, visit, qscat, left(qsdtc, 10)
),
away AS (
    SELECT p.record_key, p.siteid, p.subjid, p.visit, p.qscat, p.day AS qsdtc, left(n.svstdtc, 10) AS visit_date,
           CASE WHEN p.day < n.svstdtc THEN iso_days(p.day, n.svstdtc)
                ELSE greatest(0, iso_days(greatest(left(n.svstdtc, 10), coalesce(nullif(n.svendtc, ''), n.svstdtc)), p.day)) END AS days_away
    FROM   pages AS p
    JOIN   sv AS n ON n.subjid = p.subjid AND n.visit = p.visit AND iso_full(n.svstdtc)
    QUALIFY row_number() OVER (PARTITION BY p.record_key, p.day ORDER BY days_away, n.svstdtc, n.record_key) = 1
)
SELECT record_key, siteid, subjid, visit, qscat, qsdtc, visit_date, days_away
FROM   away
WHERE  days_away > $days
