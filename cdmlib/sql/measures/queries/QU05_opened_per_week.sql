/*
title:    Queries opened per week
params:   weeks = 12

Queries opened in each of the last weeks, of all queries, cancelled ones too. A week is seven days, and the last one ends on the cut-off date;
so every week is whole. Queries opened before the first of these weeks, or at a time that is not known to the day, are only in the denominator.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM queries),
weeks AS (SELECT number, iso_plus($as_of, -7 * number - 6) || ' to ' || iso_plus($as_of, -7 * number) AS category FROM range(CAST($weeks AS INTEGER)) AS r(number))
SELECT l.level, l.siteid, w.category, count(CASE WHEN CAST(floor(iso_days(q.opened_on, $as_of) / 7.0) AS INTEGER) = w.number THEN 1 END) AS numerator,
       count(q.query_id) AS denominator,
       CAST(count(CASE WHEN CAST(floor(iso_days(q.opened_on, $as_of) / 7.0) AS INTEGER) = w.number THEN 1 END) AS DOUBLE) AS value, 'queries' AS unit
FROM   levels AS l
CROSS JOIN weeks AS w
LEFT JOIN queries AS q ON l.level = 'study' OR q.siteid IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid, w.category, w.number
ORDER BY l.level DESC, l.siteid, w.number DESC
