/*
title:    Queries per subject

Queries but cancelled ones (numerator) for each subject of the extract (denominator). A subject who left the extract does not count.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, q.query_id FROM queries AS q JOIN subjects AS s ON s.subjid = q.subjid WHERE q.status <> 'cancelled'),
counted AS (SELECT l.level, l.siteid, count(p.query_id) AS numerator FROM levels AS l LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid GROUP BY l.level, l.siteid),
people AS (SELECT l.level, l.siteid, count(p.subjid) AS denominator FROM levels AS l LEFT JOIN (SELECT siteid AS site, subjid FROM subjects) AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid GROUP BY l.level, l.siteid)
SELECT c.level, c.siteid, c.numerator, p.denominator, round(1.0 * c.numerator / nullif(p.denominator, 0), 2) AS value, 'per subject' AS unit
FROM   counted AS c
JOIN   people AS p ON p.level = c.level AND p.siteid IS NOT DISTINCT FROM c.siteid
ORDER BY c.level DESC, c.siteid
