/*
title:    Date of the electrocardiogram differs from the visit date
severity: minor
action:   query
params:   days = 3, screening_days = 28
message:  Electrocardiogram {visit}: {results} results are dated {egdtc}, but the visit took place on {visit_date}. Please correct one of the dates, or confirm both.
field:    egdtc, sv.svstdtc
optional: sv.svendtc, subjects.consent_date

More than $days days from the nearest date of a visit of that name, or more than $screening_days for a visit whose name begins with Screen. One finding for each subject, visit and date, on its first record. Only full
dates are compared; a date before consent is left to EG004, and visits with no visit record are not looked at.
*/
WITH recorded AS (
    SELECT subjid, visit, left(egdtc, 10) AS day, min(record_key) AS record_key, min(siteid) AS siteid, count(*) AS results
    FROM   eg
    WHERE  iso_full(egdtc)
    AND    NOT blank(egorres)
    GROUP BY subjid, visit, left(egdtc, 10)
)
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.day AS egdtc,
       min_by(left(v.svstdtc, 10), concat(lpad(CAST(abs(iso_days(v.svstdtc, e.day)) AS VARCHAR), 6, '0'), v.svstdtc)) AS visit_date, max(e.results) AS results
FROM   recorded AS e
JOIN   sv AS v ON v.subjid = e.subjid AND v.visit = e.visit AND iso_full(v.svstdtc)
LEFT JOIN subjects AS s ON s.subjid = e.subjid AND iso_before(e.day, s.consent_date)
WHERE  s.subjid IS NULL
GROUP BY e.record_key, e.siteid, e.subjid, e.visit, e.day
HAVING min(abs(iso_days(v.svstdtc, e.day))) > CASE WHEN upper(e.visit) LIKE 'SCREEN%' THEN $screening_days ELSE $days END
AND    NOT max(e.day BETWEEN left(v.svstdtc, 10) AND left(coalesce(v.svendtc, v.svstdtc), 10))
