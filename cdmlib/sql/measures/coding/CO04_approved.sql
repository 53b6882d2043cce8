/*
title:    Coding decisions approved

Reported terms coded by a person whose decision a second person approved, of all coded by a person. What the machine coded counts in neither.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION SELECT 'site', siteid FROM coding)
SELECT l.level, l.siteid, count(CASE WHEN c.status = 'approved' THEN 1 END) AS numerator, count(CASE WHEN c.status IN ('decided', 'approved') THEN 1 END) AS denominator
FROM   levels AS l
LEFT JOIN coding AS c ON l.level = 'study' OR c.siteid IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid
ORDER BY l.level DESC, l.siteid
