/*
title:    Entered after more than 5 days
params:   days = 5

Entered pages whose first entry came more than the given number of days after the visit, of those for which both days are known. Exactly
that number of days is not late. A subject who left the extract does not count.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, p.entry_days FROM pages AS p JOIN subjects AS s ON s.subjid = p.subjid
    WHERE p.entered = 'Y' AND p.entry_days IS NOT NULL)
SELECT l.level, l.siteid, count(CASE WHEN p.entry_days > $days THEN 1 END) AS numerator, count(p.entry_days) AS denominator
FROM   levels AS l
LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid
ORDER BY l.level DESC, l.siteid
