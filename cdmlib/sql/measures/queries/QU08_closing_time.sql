/*
title:    Closing time

Median of the days from opening to closing, over the closed queries whose dates are known (numerator), of all queries but cancelled ones.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM queries)
SELECT l.level, l.siteid, count(CASE WHEN q.status = 'closed' THEN q.closing_days END) AS numerator,
       count(CASE WHEN q.status <> 'cancelled' THEN 1 END) AS denominator,
       CAST(median(CASE WHEN q.status = 'closed' THEN q.closing_days END) AS DOUBLE) AS value, 'days' AS unit
FROM   levels AS l
LEFT JOIN queries AS q ON l.level = 'study' OR q.siteid IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid
ORDER BY l.level DESC, l.siteid
