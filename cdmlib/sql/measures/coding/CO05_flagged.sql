/*
title:    Terms flagged for a person

Reported terms that a person must look at, by reason: ambiguous (several dictionary terms fit), several terms (each part is a term of its
own), not current, not in version, rejected (an approver sent the decision back). Of all that are to be coded.
*/
WITH levels AS (
    SELECT s.level, s.siteid, f.flag
    FROM   (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION SELECT 'site', siteid FROM coding) AS s
    CROSS JOIN (SELECT DISTINCT flag FROM coding WHERE flag IS NOT NULL) AS f
)
SELECT l.level, l.siteid, l.flag AS category, count(CASE WHEN c.flag = l.flag THEN 1 END) AS numerator, count(c.record_key) AS denominator
FROM   levels AS l
LEFT JOIN coding AS c ON l.level = 'study' OR c.siteid IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid, l.flag
ORDER BY l.level DESC, l.siteid, l.flag
