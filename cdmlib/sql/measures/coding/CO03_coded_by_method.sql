/*
title:    Terms by method

How the reported terms came to their code: exact, normalised (case, punctuation, spelling, plural, word order), synonym, decision of a
coder; or query (the site is asked), none (waits for a coder). Of all that are to be coded.
*/
WITH methods AS (SELECT siteid, CASE WHEN status = 'query' THEN 'query' ELSE coalesce(method, 'none') END AS method FROM coding),
levels AS (
    SELECT s.level, s.siteid, m.method
    FROM   (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION SELECT 'site', siteid FROM coding) AS s
    CROSS JOIN (SELECT DISTINCT method FROM methods) AS m
)
SELECT l.level, l.siteid, l.method AS category, count(CASE WHEN m.method = l.method THEN 1 END) AS numerator, count(m.method) AS denominator
FROM   levels AS l
LEFT JOIN methods AS m ON l.level = 'study' OR m.siteid IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid, l.method
ORDER BY l.level DESC, l.siteid, l.method
