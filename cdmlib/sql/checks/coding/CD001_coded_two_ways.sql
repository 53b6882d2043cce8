/*
title:    Same term coded two ways
severity: major
action:   internal
message:  {verbatim} is coded as {term} ({code}) here and as {other_terms} elsewhere in the study. Code it the same way, or say why this record differs.

Upper and lower case make no difference. The finding is on the records that are not coded as most are; when no code is the most frequent,
it is on all of them.
*/
WITH codes AS (
    SELECT dictionary, lower(verbatim) AS reported, code, any_value(term) AS term, count(*) AS records
    FROM   coding
    WHERE  code IS NOT NULL
    GROUP BY dictionary, lower(verbatim), code
),
ranked AS (
    SELECT *, max(records) OVER (PARTITION BY dictionary, reported) AS most,
           count(*) OVER (PARTITION BY dictionary, reported) AS ways
    FROM   codes
),
tied AS (
    SELECT dictionary, reported, count(*) AS at_the_top FROM ranked WHERE records = most GROUP BY dictionary, reported
)
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.form, c.formrow, c.verbatim, c.term, c.code,
       (SELECT string_agg(o.term || ' (' || o.code || ')', ', ' ORDER BY o.records DESC, o.code)
        FROM ranked AS o WHERE o.dictionary = c.dictionary AND o.reported = lower(c.verbatim) AND o.code <> c.code) AS other_terms
FROM   coding AS c
JOIN   ranked AS r ON r.dictionary = c.dictionary AND r.reported = lower(c.verbatim) AND r.code = c.code
JOIN   tied AS t ON t.dictionary = r.dictionary AND t.reported = r.reported
WHERE  r.ways > 1 AND (r.records < r.most OR t.at_the_top > 1)
