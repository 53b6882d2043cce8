/*
title:    Laboratory sample long after the subject left the study
severity: major
action:   query
params:   days = 30
message:  Laboratory {visit}: {results} results are dated {lbdtc}, but the subject left the study on {disposition_date} ({disposition}). Please correct one of the dates, or
          confirm both.
field:    lbdtc

More than $days days after the disposition date. One finding for each subject and sample date, on its first record. A partial sample date is compared as far as it
is known. Subjects who died are left to SU002; visits of follow-up, by their name (follow, retrieval, survival, safety), are left out.
*/
WITH late AS (  -- few: a subject whose last sample, as a text, is not after the disposition has none after it
    SELECT s.subjid, s.disposition_date, s.disposition
    FROM   subjects AS s
    JOIN  (SELECT subjid, max(lbdtc) AS last_sample FROM lb GROUP BY subjid) AS f ON f.subjid = s.subjid
    WHERE  f.last_sample > s.disposition_date
    AND    s.status IS DISTINCT FROM 'DEATH'
)
SELECT min(l.record_key) AS record_key, min(l.siteid) AS siteid, l.subjid, min(l.visit) AS visit, left(l.lbdtc, 10) AS lbdtc, s.disposition_date, s.disposition, count(*) AS results
FROM   lb AS l
JOIN   late AS s ON s.subjid = l.subjid
WHERE  iso_after(left(l.lbdtc, 10), iso_plus(s.disposition_date, $days))
AND    NOT regexp_matches(upper(coalesce(l.visit, '')), 'FOLLOW|RETRIEVAL|SURVIVAL|SAFETY|POST')
GROUP BY l.subjid, left(l.lbdtc, 10), s.disposition_date, s.disposition
