/*
title:    Laboratory sample collected before informed consent
severity: major
action:   review
message:  Laboratory {visit}: {tests} results of a sample collected on {lbdtc}, before informed consent on {consent_date}. Please find out whether
          it was taken as part of usual care, or one of the dates is wrong.

One finding for each subject and sample date, on the first of its records. Partial dates are compared only as far as both are known.
*/
WITH early AS (  -- few: a subject whose first sample, as a text, is not before consent has none before it
    SELECT s.subjid, s.consent_date
    FROM   subjects AS s
    JOIN  (SELECT subjid, min(lbdtc) AS first_sample FROM lb GROUP BY subjid) AS f ON f.subjid = s.subjid
    WHERE  f.first_sample < s.consent_date
)
SELECT min(l.record_key) AS record_key, min(l.siteid) AS siteid, l.subjid, min(l.visit) AS visit, left(l.lbdtc, 10) AS lbdtc, s.consent_date, count(*) AS tests
FROM   lb AS l
JOIN   early AS s ON s.subjid = l.subjid
WHERE  iso_before(left(l.lbdtc, 10), s.consent_date)
GROUP BY l.subjid, left(l.lbdtc, 10), s.consent_date
