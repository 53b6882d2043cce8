/*
title:    Signatures
optional: pages.signature_broken

Entered pages that need the investigator's signature, by how it stands: signed; broken by a later change; never signed. Of all entered pages
that need one. A subject who left the extract does not count.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, CASE WHEN p.signed = 'Y' THEN 'signed' WHEN p.signature_broken = 'Y' THEN 'broken' ELSE 'never signed' END AS category FROM pages AS p JOIN subjects AS s ON s.subjid = p.subjid
    WHERE p.entered = 'Y' AND p.sign_required = 'Y'),
categories(category, place) AS (VALUES ('signed', 1), ('broken', 2), ('never signed', 3))
SELECT l.level, l.siteid, c.category, count(CASE WHEN p.category = c.category THEN 1 END) AS numerator, count(p.category) AS denominator
FROM   levels AS l
CROSS JOIN categories AS c
LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid, c.category, c.place
ORDER BY l.level DESC, l.siteid, c.place
