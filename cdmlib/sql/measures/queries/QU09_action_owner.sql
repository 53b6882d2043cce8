/*
title:    Open and answered queries by who must act

Open and answered queries by the one who must act, of all open and answered ones. The site acts on open queries, the one who asked looks at
answers, and data management looks at answers to what the system asked, unless the listing names somebody else.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM queries),
waiting AS (SELECT siteid, coalesce(nullif(trim(action_owner), ''), '(none)') AS category FROM queries WHERE status IN ('open', 'answered')),
categories AS (SELECT DISTINCT category FROM waiting)
SELECT l.level, l.siteid, c.category, count(CASE WHEN w.category = c.category THEN 1 END) AS numerator, count(w.category) AS denominator
FROM   levels AS l
CROSS JOIN categories AS c
LEFT JOIN waiting AS w ON l.level = 'study' OR w.siteid IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid, c.category
ORDER BY l.level DESC, l.siteid, c.category
