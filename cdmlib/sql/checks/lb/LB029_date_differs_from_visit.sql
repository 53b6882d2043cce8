/*
title:    Laboratory sample date differs from the visit date
severity: minor
action:   query
params:   days = 7, screening_days = 28
message:  Laboratory {visit}: {results} results are dated {lbdtc}, but the visit took place on {visit_date}. Please correct one of the dates, or confirm both.
field:    lbdtc, sv.svstdtc
optional: sv.svendtc, subjects.consent_date

More than $days days from the nearest date of a visit of that name, or more than $screening_days for a visit whose name begins with Screen. One finding for each
subject, visit and sample date, on its first record. Only full dates are compared; a sample before consent is left to LB005, and visits with no
visit record are not looked at.
*/
WITH samples AS (
    SELECT subjid, visit, left(lbdtc, 10) AS day, min(record_key) AS record_key, min(siteid) AS siteid, count(*) AS results
    FROM   lb
    WHERE  iso_full(lbdtc)
    GROUP BY subjid, visit, left(lbdtc, 10)
)
SELECT l.record_key, l.siteid, l.subjid, l.visit, l.day AS lbdtc, min_by(left(v.svstdtc, 10), concat(lpad(CAST(abs(iso_days(v.svstdtc, l.day)) AS VARCHAR), 6, '0'), v.svstdtc)) AS visit_date,
       max(l.results) AS results
FROM   samples AS l
JOIN   sv AS v ON v.subjid = l.subjid AND v.visit = l.visit AND iso_full(v.svstdtc)
LEFT JOIN subjects AS s ON s.subjid = l.subjid AND iso_before(l.day, s.consent_date)
WHERE  s.subjid IS NULL
GROUP BY l.record_key, l.siteid, l.subjid, l.visit, l.day
HAVING min(abs(iso_days(v.svstdtc, l.day))) > CASE WHEN upper(l.visit) LIKE 'SCREEN%' THEN $screening_days ELSE $days END
AND    NOT max(l.day BETWEEN left(v.svstdtc, 10) AND left(coalesce(v.svendtc, v.svstdtc), 10))
