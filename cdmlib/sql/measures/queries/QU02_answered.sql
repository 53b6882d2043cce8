/*
title:    Answered queries

Queries that the site has answered and that we must look at, of all queries but cancelled ones.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM queries)
SELECT l.level, l.siteid, count(CASE WHEN q.status = 'answered' THEN 1 END) AS numerator,
       count(CASE WHEN q.status <> 'cancelled' THEN 1 END) AS denominator
FROM   levels AS l
LEFT JOIN queries AS q ON l.level = 'study' OR q.siteid IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid
ORDER BY l.level DESC, l.siteid
