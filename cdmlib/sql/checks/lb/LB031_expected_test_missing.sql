/*
title:    Laboratory test usual at the visit is missing
severity: minor
action:   query
params:   percent = 90, minimum = 10
message:  Laboratory {visit}, {lbdtc}: there are {tests} results of {category}, but none of {missing}. Please enter the missing results, or mark the tests as not done with the reason.
field:    lborres
optional: lb.lbcat, lb.lbtest

A test is usual at a visit when at least $percent percent of its samples have it, and there are at least $minimum such samples. Samples are those of a subject, visit and category;
one that has fewer than half of the usual tests was ordered for something else and is left out. A test marked as not done is not missing. Unscheduled visits are
left out. One finding for each sample. It does not catch a test that is missing at most subjects, nor a category of which nothing was entered.
*/
WITH done AS (
    SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, visit, coalesce(lbcat, '') AS category, lbtestcd AS testcd, min(left(lbdtc, 10)) AS lbdtc,
           min(coalesce(nullif(trim(lbtest), ''), lbtestcd)) AS test
    FROM   lb
    WHERE  upper(visit) NOT LIKE 'UNSCH%'
    GROUP BY subjid, visit, coalesce(lbcat, ''), lbtestcd
),
samples AS (
    SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, visit, category, min(lbdtc) AS lbdtc, count(*) AS tests
    FROM   done
    GROUP BY subjid, visit, category
),
held AS (SELECT visit, category, count(*) AS n FROM samples GROUP BY visit, category HAVING count(*) >= $minimum),
usual AS (
    SELECT d.visit, d.category, d.testcd, min(d.test) AS test, count(*) OVER (PARTITION BY d.visit, d.category) AS usual_tests
    FROM   done AS d
    JOIN   held AS h ON h.visit = d.visit AND h.category = d.category
    GROUP BY d.visit, d.category, d.testcd, h.n
    HAVING 100.0 * count(*) >= $percent * h.n AND count(*) < h.n + 1
)
SELECT s.record_key, min(s.siteid) AS siteid, s.subjid, s.visit, min(s.lbdtc) AS lbdtc, coalesce(nullif(min(s.category), ''), 'the sample') AS category, max(s.tests) AS tests,
       string_agg(u.test, ', ' ORDER BY u.test) AS missing
FROM   samples AS s
JOIN   usual AS u ON u.visit = s.visit AND u.category = s.category
LEFT JOIN done AS d ON d.subjid = s.subjid AND d.visit = s.visit AND d.category = s.category AND d.testcd = u.testcd
WHERE  d.testcd IS NULL
GROUP BY s.record_key, s.subjid, s.visit
HAVING 2 * count(*) <= max(u.usual_tests)
