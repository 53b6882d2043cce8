/*
title:    Vital signs of two subjects are the same
severity: major
action:   query
params:   tests = 5
message:  Vital signs {visit}, {vsdtc}: all {tests_alike} results are the same as those of subject {other_subject} on {other_date}. Please correct the results of the subject to whom they do not belong, or confirm both.
field:    vsorres
optional: vs.vspos, vs.vstpt, vs.vsloc

All results of a subject and day, at least $tests of them, among them a weight, are the same as those of another subject of the site. The finding is on the first systolic blood pressure of the subject with the later number, else on the first
record of the day. A copy of which one result was changed is not found.
*/
WITH days AS (
    SELECT siteid, subjid, left(vsdtc, 10) AS day, min(visit) AS visit, count(*) AS tests,
           coalesce(min(CASE WHEN upper(trim(vstestcd)) = 'SYSBP' THEN record_key END), min(record_key)) AS record_key,
           string_agg(concat_ws('=', upper(trim(vstestcd)), coalesce(vspos, ''), coalesce(vstpt, ''), coalesce(vsloc, ''), trim(vsorres)), '|'
                      ORDER BY upper(trim(vstestcd)), vspos, vstpt, vsloc, vsorres) AS results
    FROM   vs
    WHERE  vsorresn IS NOT NULL
    AND    iso_full(vsdtc)
    GROUP BY siteid, subjid, left(vsdtc, 10)
    HAVING count(*) >= $tests AND count(CASE WHEN upper(trim(vstestcd)) = 'WEIGHT' THEN 1 END) > 0
)
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.day AS vsdtc, a.tests AS tests_alike, b.subjid AS other_subject, b.day AS other_date
FROM   days AS a
JOIN   days AS b ON b.siteid = a.siteid AND b.results = a.results AND b.subjid < a.subjid
QUALIFY row_number() OVER (PARTITION BY a.subjid, a.day ORDER BY b.subjid, b.day) = 1
