/*
title:    Protocol deviations by status

Deviations of the EDC's listing, confirmed or proposed (anything but confirmed), of all of them. A subject who left the extract does not
count.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, CASE WHEN regexp_matches(upper(coalesce(p.state, '')), '\bCONFIRMED') THEN 'confirmed' ELSE 'proposed' END AS category
               FROM edc_issues AS p JOIN subjects AS s ON s.subjid = p.subjid WHERE p.kind = 'deviation'),
categories(category, place) AS (VALUES ('confirmed', 1), ('proposed', 2))
SELECT l.level, l.siteid, c.category, count(CASE WHEN p.category = c.category THEN 1 END) AS numerator, count(p.category) AS denominator
FROM   levels AS l
CROSS JOIN categories AS c
LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid, c.category, c.place
ORDER BY l.level DESC, l.siteid, c.place
