/*
title:    Laboratory results of two subjects are the same
severity: critical
action:   query
params:   tests = 8
message:  Laboratory {visit}, {lbdtc}: all {tests_alike} numeric results are the same as those of subject {other_subject} on {other_date}. Please correct the results of the
          subject to whom they do not belong.
field:    lborres

All numeric results of a subject and day, at least $tests of them, are the same as those of another subject of the site, test by test. One finding for each
sample day of the subject with the later number, on its first record. It does not catch two exchanged reports, or a copy of which one result was changed.
*/
WITH samples AS (
    SELECT siteid, subjid, left(lbdtc, 10) AS day, count(*) AS tests, sum(hash(lbtestcd, lborresn)) AS fingerprint
    FROM   lb
    WHERE  lborresn IS NOT NULL
    AND    iso_full(lbdtc)
    GROUP BY siteid, subjid, left(lbdtc, 10)
    HAVING count(*) >= $tests
),
alike AS (
    SELECT a.subjid, a.day, a.tests, b.subjid AS other_subject, b.day AS other_date
    FROM   samples AS a
    JOIN   samples AS b ON b.siteid = a.siteid AND b.fingerprint = a.fingerprint AND b.tests = a.tests AND b.subjid < a.subjid
    QUALIFY row_number() OVER (PARTITION BY a.subjid, a.day ORDER BY b.subjid, b.day) = 1
)
SELECT min(l.record_key) AS record_key, min(l.siteid) AS siteid, a.subjid, min(l.visit) AS visit, a.day AS lbdtc, a.tests AS tests_alike, a.other_subject, a.other_date
FROM   alike AS a
JOIN   lb AS l ON l.subjid = a.subjid AND left(l.lbdtc, 10) = a.day AND l.lborresn IS NOT NULL
JOIN   lb AS o ON o.subjid = a.other_subject AND left(o.lbdtc, 10) = a.other_date AND o.lbtestcd = l.lbtestcd AND o.lborresn = l.lborresn
GROUP BY a.subjid, a.day, a.tests, a.other_subject, a.other_date
HAVING count(DISTINCT l.record_key) = a.tests
