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
WITH tests AS (  -- by the rows of each test, which are few
    SELECT visit, coalesce(lbcat, '') AS category, lbtestcd AS testcd, min(coalesce(nullif(trim(lbtest), ''), lbtestcd)) AS test, count(*) AS results
    FROM   lb
    WHERE  upper(visit) NOT LIKE 'UNSCH%'
    GROUP BY visit, coalesce(lbcat, ''), lbtestcd
),
samples AS (
    SELECT subjid, visit, coalesce(lbcat, '') AS category, count(*) AS results, sum(hash(lbtestcd)) AS fingerprint
    FROM   lb
    WHERE  upper(visit) NOT LIKE 'UNSCH%'
    GROUP BY subjid, visit, coalesce(lbcat, '')
),
held AS (SELECT visit, category, count(*) AS n FROM samples GROUP BY visit, category HAVING count(*) >= $minimum),
common AS (
    SELECT t.visit, t.category, t.testcd, t.test, h.n
    FROM   tests AS t
    JOIN   held AS h ON h.visit = t.visit AND h.category = t.category
    WHERE  100.0 * t.results >= $percent * h.n
),
whole AS (SELECT visit, category, sum(hash(testcd)) AS fingerprint FROM common GROUP BY visit, category),
others AS (  -- samples that are not just the common tests once each
    SELECT s.subjid, s.visit, s.category
    FROM   samples AS s
    JOIN   whole AS w ON w.visit = s.visit AND w.category = s.category
    WHERE  w.fingerprint <> s.fingerprint
),
done AS (
    SELECT o.subjid, o.visit, o.category, l.lbtestcd AS testcd, min(l.record_key) AS record_key, min(l.siteid) AS siteid, min(left(l.lbdtc, 10)) AS lbdtc
    FROM   others AS o
    JOIN   lb AS l ON l.subjid = o.subjid AND l.visit = o.visit AND coalesce(l.lbcat, '') = o.category
    GROUP BY o.subjid, o.visit, o.category, l.lbtestcd
),
lacking AS (  -- a test repeated in many samples has more rows than samples, so what is usual is counted by samples
    SELECT o.visit, o.category, c.testcd, c.n - count(*) AS having_it
    FROM   others AS o
    JOIN   common AS c ON c.visit = o.visit AND c.category = o.category
    LEFT JOIN done AS d ON d.subjid = o.subjid AND d.visit = o.visit AND d.category = o.category AND d.testcd = c.testcd
    WHERE  d.testcd IS NULL
    GROUP BY o.visit, o.category, c.testcd, c.n
),
usual AS (
    SELECT c.visit, c.category, c.testcd, c.test, count(*) OVER (PARTITION BY c.visit, c.category) AS usual_tests
    FROM   common AS c
    LEFT JOIN lacking AS k ON k.visit = c.visit AND k.category = c.category AND k.testcd = c.testcd
    WHERE  100.0 * coalesce(k.having_it, c.n) >= $percent * c.n
),
kept AS (
    SELECT subjid, visit, category, min(record_key) AS record_key, min(siteid) AS siteid, min(lbdtc) AS lbdtc, count(*) AS tests
    FROM   done
    GROUP BY subjid, visit, category
)
SELECT s.record_key, min(s.siteid) AS siteid, s.subjid, s.visit, min(s.lbdtc) AS lbdtc, coalesce(nullif(min(s.category), ''), 'the sample') AS category, max(s.tests) AS tests,
       string_agg(u.test, ', ' ORDER BY u.test) AS missing
FROM   kept AS s
JOIN   usual AS u ON u.visit = s.visit AND u.category = s.category
LEFT JOIN done AS d ON d.subjid = s.subjid AND d.visit = s.visit AND d.category = s.category AND d.testcd = u.testcd
WHERE  d.testcd IS NULL
GROUP BY s.record_key, s.subjid, s.visit
HAVING 2 * count(*) <= max(u.usual_tests)
