/*
title:    Overdue visits

Visits that were due before the cut-off date and are not entered, of all visits that are entered, said to be missed, or overdue. A visit
that is due on the cut-off date is not overdue yet. A subject who left the extract does not count.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, p.status FROM visit_status AS p JOIN subjects AS s ON s.subjid = p.subjid WHERE p.status IN ('completed', 'missed', 'overdue'))
SELECT l.level, l.siteid, count(CASE WHEN p.status = 'overdue' THEN 1 END) AS numerator, count(p.status) AS denominator
FROM   levels AS l
LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid
ORDER BY l.level DESC, l.siteid
