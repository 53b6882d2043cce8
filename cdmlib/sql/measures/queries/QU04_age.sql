/*
title:    Age of open and answered queries

Open and answered queries by age in calendar days, of all open and answered ones. An open query's age runs to the cut-off date, an answered
one's to the response. A boundary day belongs to the younger group: a query of 7 days is in 0-7. `not known`: the opening date is not known
to the day, or is after the cut-off date.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM queries),
ages(category, place) AS (VALUES ('0-7', 1), ('8-14', 2), ('15-21', 3), ('22-28', 4), ('>28', 5), ('not known', 6))
SELECT l.level, l.siteid, a.category, count(CASE WHEN q.age_bucket = a.category THEN 1 END) AS numerator, count(q.query_id) AS denominator
FROM   levels AS l
CROSS JOIN ages AS a
LEFT JOIN queries AS q ON q.status IN ('open', 'answered') AND (l.level = 'study' OR q.siteid IS NOT DISTINCT FROM l.siteid)
GROUP BY l.level, l.siteid, a.category, a.place
ORDER BY l.level DESC, l.siteid, a.place
