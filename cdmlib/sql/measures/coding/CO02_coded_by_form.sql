/*
title:    Terms coded, by form

Reported terms (records with a term) that have a code, of all that are to be coded; by form.
*/
WITH named AS (SELECT siteid, coalesce(form, form_name(domain)) AS form, code FROM coding),
levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid, form FROM named UNION SELECT 'site', siteid, form FROM named)
SELECT l.level, l.siteid, l.form AS category, count(c.code) AS numerator, count(*) AS denominator
FROM   levels AS l
JOIN   named AS c ON c.form = l.form AND (l.level = 'study' OR c.siteid IS NOT DISTINCT FROM l.siteid)
GROUP BY l.level, l.siteid, l.form
ORDER BY l.level DESC, l.siteid, l.form
