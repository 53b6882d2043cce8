/*
title:    Overdue queries
params:   days = 30

Open and answered queries that have waited for more than the given number of days for the one who must act, of all open and answered ones: an
open one since it was opened, an answered one since the response. A query that has waited for exactly that number of days is not overdue.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM queries)
SELECT l.level, l.siteid, count(CASE WHEN q.status IN ('open', 'answered') AND q.waiting_days > $days THEN 1 END) AS numerator,
       count(CASE WHEN q.status IN ('open', 'answered') THEN 1 END) AS denominator
FROM   levels AS l
LEFT JOIN queries AS q ON l.level = 'study' OR q.siteid IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid
ORDER BY l.level DESC, l.siteid
