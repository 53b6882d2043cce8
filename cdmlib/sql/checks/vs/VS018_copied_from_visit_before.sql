/*
title:    Vital signs are the same as at the visit before
severity: minor
action:   query
params:   tests = 5
message:  Vital signs {visit}, {vsdtc}: all {tests_alike} results are the same as those of {earlier_visit} on {earlier_date}. Please correct the results, or confirm that they were measured on both days.
field:    vsorres
optional: vs.vspos, vs.vstpt, vs.vsloc

All results of a day but height, at least $tests of them, are the same as on the day before it that has results, test by test, position by position. The finding is on the first systolic blood pressure of the day, else on its first
record. A copy of which one result was changed is not found.
*/
WITH days AS (
    SELECT subjid, left(vsdtc, 10) AS day, min(siteid) AS siteid, min(visit) AS visit, count(*) AS tests,
           coalesce(min(CASE WHEN upper(trim(vstestcd)) = 'SYSBP' THEN record_key END), min(record_key)) AS record_key,
           string_agg(concat_ws('=', upper(trim(vstestcd)), coalesce(vspos, ''), coalesce(vstpt, ''), coalesce(vsloc, ''), trim(vsorres)), '|'
                      ORDER BY upper(trim(vstestcd)), vspos, vstpt, vsloc, vsorres) AS results
    FROM   vs
    WHERE  vsorresn IS NOT NULL
    AND    iso_full(vsdtc)
    AND    upper(trim(vstestcd)) NOT IN ('HEIGHT', 'BMI')
    GROUP BY subjid, left(vsdtc, 10)
),
compared AS (
    SELECT record_key, siteid, subjid, visit, day, tests, results, lag(results) OVER (PARTITION BY subjid ORDER BY day) AS earlier,
           lag(day) OVER (PARTITION BY subjid ORDER BY day) AS earlier_date, lag(visit) OVER (PARTITION BY subjid ORDER BY day) AS earlier_visit
    FROM   days
)
SELECT record_key, siteid, subjid, visit, day AS vsdtc, tests AS tests_alike, earlier_visit, earlier_date
FROM   compared
WHERE  results = earlier
AND    tests >= $tests
