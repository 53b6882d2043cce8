/*
title:    Pages verified

Entered pages whose source data are verified, of the entered pages that need verification. A subject who left the extract does not count.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, p.verified FROM pages AS p JOIN subjects AS s ON s.subjid = p.subjid
    WHERE p.entered = 'Y' AND p.verify_required = 'Y')
SELECT l.level, l.siteid, count(CASE WHEN p.verified = 'Y' THEN 1 END) AS numerator, count(p.site) AS denominator
FROM   levels AS l
LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid
ORDER BY l.level DESC, l.siteid
