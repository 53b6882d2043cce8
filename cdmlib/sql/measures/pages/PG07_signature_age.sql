/*
title:    Age of pages that wait for a signature

Entered pages that need the investigator's signature and have none, or a broken one, by the calendar days from their first entry to the cut-
off date, of all of them. A boundary day belongs to the younger group: 45 days are in 0-45, 90 days in 46-90. `not known`: the day of entry
is not known. A subject who left the extract does not count.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, CASE WHEN iso_days(p.entereddtc, $as_of) IS NULL THEN 'not known' WHEN iso_days(p.entereddtc, $as_of) <= 45 THEN '0-45'
           WHEN iso_days(p.entereddtc, $as_of) <= 90 THEN '46-90' ELSE '>90' END AS category FROM pages AS p JOIN subjects AS s ON s.subjid = p.subjid
    WHERE p.entered = 'Y' AND p.sign_required = 'Y' AND p.signed IS DISTINCT FROM 'Y'),
categories(category, place) AS (VALUES ('0-45', 1), ('46-90', 2), ('>90', 3), ('not known', 4))
SELECT l.level, l.siteid, c.category, count(CASE WHEN p.category = c.category THEN 1 END) AS numerator, count(p.category) AS denominator
FROM   levels AS l
CROSS JOIN categories AS c
LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid, c.category, c.place
ORDER BY l.level DESC, l.siteid, c.place
