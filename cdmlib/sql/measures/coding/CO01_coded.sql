/*
title:    Terms coded

Reported terms (records with a term) that have a code, by the machine or by a person, of all that are to be coded; by dictionary.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid, dictionary FROM coding UNION SELECT 'site', siteid, dictionary FROM coding)
SELECT l.level, l.siteid, l.dictionary AS category, count(c.code) AS numerator, count(c.record_key) AS denominator
FROM   levels AS l
LEFT JOIN coding AS c ON c.dictionary = l.dictionary AND (l.level = 'study' OR c.siteid IS NOT DISTINCT FROM l.siteid)
GROUP BY l.level, l.siteid, l.dictionary
ORDER BY l.level DESC, l.siteid, l.dictionary
