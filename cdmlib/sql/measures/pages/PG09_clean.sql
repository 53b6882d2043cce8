/*
title:    Clean pages

Entered pages that no criterion of the clean subject blocks, of all entered pages. A criterion that names the subject, or the visit without
a form, blocks no page; one that names a page blocks that page. While a criterion of the clean subject is not run, what it would block is
not known and is not counted. A subject who left the extract does not count.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, p.subjid, p.visit, p.form FROM pages AS p JOIN subjects AS s ON s.subjid = p.subjid
    WHERE p.entered = 'Y'),
held AS (SELECT DISTINCT subjid, coalesce(visit, '') AS visit, form FROM readiness WHERE level = 'page')
SELECT l.level, l.siteid, count(CASE WHEN h.subjid IS NULL THEN p.subjid END) AS numerator, count(p.subjid) AS denominator
FROM   levels AS l
LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid
LEFT JOIN held AS h ON h.subjid = p.subjid AND h.visit = coalesce(p.visit, '') AND h.form = p.form
GROUP BY l.level, l.siteid
ORDER BY l.level DESC, l.siteid
