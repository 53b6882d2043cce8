/*
title:    Laboratory results are the same as at an earlier visit
severity: major
action:   query
params:   tests = 8
message:  Laboratory {visit}, {lbdtc}: all {tests_alike} numeric results are the same as those of {earlier_visit} on {earlier_date}. Please correct the results of the visit to
          which they do not belong, or the date.
field:    lborres

All numeric results of a day, at least $tests of them, are the same as on another day of the subject, test by test. One finding for each later day, on its
first record. A report entered again under another date is found; a copy of which one result was changed is not.
*/
WITH samples AS (
    SELECT subjid, left(lbdtc, 10) AS day, count(*) AS tests, sum(hash(lbtestcd, lborresn)) AS fingerprint, min(visit) AS visit
    FROM   lb
    WHERE  lborresn IS NOT NULL
    AND    iso_full(lbdtc)
    GROUP BY subjid, left(lbdtc, 10)
    HAVING count(*) >= $tests
),
alike AS (
    SELECT a.subjid, a.day, a.tests, b.day AS earlier_date, b.visit AS earlier_visit
    FROM   samples AS a
    JOIN   samples AS b ON b.subjid = a.subjid AND b.fingerprint = a.fingerprint AND b.tests = a.tests AND b.day < a.day
    QUALIFY row_number() OVER (PARTITION BY a.subjid, a.day ORDER BY b.day) = 1
)
SELECT min(l.record_key) AS record_key, min(l.siteid) AS siteid, a.subjid, min(l.visit) AS visit, a.day AS lbdtc, a.tests AS tests_alike, a.earlier_date, a.earlier_visit
FROM   alike AS a
JOIN   lb AS l ON l.subjid = a.subjid AND left(l.lbdtc, 10) = a.day AND l.lborresn IS NOT NULL
JOIN   lb AS o ON o.subjid = a.subjid AND left(o.lbdtc, 10) = a.earlier_date AND o.lbtestcd = l.lbtestcd AND o.lborresn = l.lborresn
GROUP BY a.subjid, a.day, a.tests, a.earlier_date, a.earlier_visit
HAVING count(DISTINCT l.record_key) = a.tests
