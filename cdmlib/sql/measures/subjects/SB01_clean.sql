/*
title:    Clean subjects

Subjects that meet every criterion of the study's list of a clean subject (60_lock_readiness says which, with the version of the list), of
all subjects in the extract. A subject is not clean while a criterion is not run.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, s.subjid, r.ready FROM subjects AS s LEFT JOIN readiness AS r ON r.level = 'subject' AND r.criterion = 'all' AND r.subjid = s.subjid
               WHERE EXISTS (SELECT 1 FROM readiness))
SELECT l.level, l.siteid, count(CASE WHEN p.ready THEN 1 END) AS numerator, count(p.subjid) AS denominator
FROM   levels AS l
LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid
ORDER BY l.level DESC, l.siteid
