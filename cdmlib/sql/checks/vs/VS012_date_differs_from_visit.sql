/*
title:    Date of vital signs differs from the visit date
severity: minor
action:   query
params:   days = 3
message:  Vital signs {visit}: {results} results are dated {vsdtc}, but the visit took place on {visit_date}. Please correct one of the dates, or confirm both.
field:    vsdtc, sv.svstdtc
optional: sv.svendtc, subjects.consent_date

More than $days days from the nearest date of a visit of that name. One finding for each subject, visit and date, on its first record. Only full dates are compared; a date before consent is left
to VS010, and visits with no visit record are not looked at.
*/
WITH measured AS (
    SELECT subjid, visit, left(vsdtc, 10) AS day, min(record_key) AS record_key, min(siteid) AS siteid, count(*) AS results
    FROM   vs
    WHERE  iso_full(vsdtc)
    AND    NOT blank(vsorres)
    GROUP BY subjid, visit, left(vsdtc, 10)
)
SELECT m.record_key, m.siteid, m.subjid, m.visit, m.day AS vsdtc,
       min_by(left(v.svstdtc, 10), concat(lpad(CAST(abs(iso_days(v.svstdtc, m.day)) AS VARCHAR), 6, '0'), v.svstdtc)) AS visit_date, max(m.results) AS results
FROM   measured AS m
JOIN   sv AS v ON v.subjid = m.subjid AND v.visit = m.visit AND iso_full(v.svstdtc)
LEFT JOIN subjects AS s ON s.subjid = m.subjid AND iso_before(m.day, s.consent_date)
WHERE  s.subjid IS NULL
GROUP BY m.record_key, m.siteid, m.subjid, m.visit, m.day
HAVING min(abs(iso_days(v.svstdtc, m.day))) > $days
AND    NOT max(m.day BETWEEN left(v.svstdtc, 10) AND left(coalesce(v.svendtc, v.svstdtc), 10))
