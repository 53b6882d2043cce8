/*
title:    Entry lag

Median of the days from the visit to the first entry of its page, over the entered pages for which both days are known (numerator), of all
entered pages. A page entered on the day of the visit has 0 days. A subject who left the extract does not count.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, p.entry_days, p.entered FROM pages AS p JOIN subjects AS s ON s.subjid = p.subjid)
SELECT l.level, l.siteid, count(CASE WHEN p.entered = 'Y' THEN p.entry_days END) AS numerator, count(CASE WHEN p.entered = 'Y' THEN 1 END) AS denominator,
       CAST(median(CASE WHEN p.entered = 'Y' THEN p.entry_days END) AS DOUBLE) AS value, 'days' AS unit
FROM   levels AS l
LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid
ORDER BY l.level DESC, l.siteid
