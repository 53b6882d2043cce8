/*
title:    From entered to locked

Expected pages that have passed a step and all steps before it: entered, verified, signed, frozen, locked; of all expected pages. A page
that needs no verification or no signature has passed that step once it is entered. A subject who left the extract does not count.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, CASE WHEN p.entered IS DISTINCT FROM 'Y' THEN 0
           WHEN p.verify_required = 'Y' AND p.verified IS DISTINCT FROM 'Y' THEN 1
           WHEN p.sign_required = 'Y' AND p.signed IS DISTINCT FROM 'Y' THEN 2
           WHEN p.frozen IS DISTINCT FROM 'Y' THEN 3 WHEN p.locked IS DISTINCT FROM 'Y' THEN 4 ELSE 5 END AS passed FROM pages AS p JOIN subjects AS s ON s.subjid = p.subjid
    WHERE p.expected = 'Y'),
steps(category, place) AS (VALUES ('entered', 1), ('verified', 2), ('signed', 3), ('frozen', 4), ('locked', 5))
SELECT l.level, l.siteid, c.category, count(CASE WHEN p.passed >= c.place THEN 1 END) AS numerator, count(p.passed) AS denominator
FROM   levels AS l
CROSS JOIN steps AS c
LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid, c.category, c.place
ORDER BY l.level DESC, l.siteid, c.place
