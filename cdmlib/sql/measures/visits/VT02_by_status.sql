/*
title:    Visits by status

Planned visits by status, of all planned visits: completed, expected (due later), overdue, missed (said not to have taken place), terminated
(the subject left before), failed (screening failure), and what else a listing says. A subject who left the extract does not count.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, coalesce(p.status, 'not known') AS status FROM visit_status AS p JOIN subjects AS s ON s.subjid = p.subjid),
categories AS (SELECT DISTINCT status AS category FROM in_extract)
SELECT l.level, l.siteid, c.category, count(CASE WHEN p.status = c.category THEN 1 END) AS numerator, count(p.status) AS denominator
FROM   levels AS l
CROSS JOIN categories AS c
LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid, c.category
ORDER BY l.level DESC, l.siteid, c.category
