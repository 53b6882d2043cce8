/*
title:    Data change rate

Values that are another than in the snapshot before (numerator), of the values that the clinical tables hold now (denominator). A record
that came or went changes no value. Values of queries and status reports do not count. A subject who left the extract does not count.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM subjects),
in_extract AS (SELECT s.siteid AS site, c.record_key FROM changes AS c JOIN subjects AS s ON s.subjid = c.subjid
               WHERE c.kind = 'value changed' AND EXISTS (SELECT 1 FROM items AS r WHERE r.source = c.source AND r.dataset = c.dataset)),
counted AS (SELECT l.level, l.siteid, count(p.record_key) AS numerator FROM levels AS l LEFT JOIN in_extract AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid GROUP BY l.level, l.siteid),
held AS (SELECT siteid AS site, count(*) AS n FROM items WHERE NOT blank(value) GROUP BY siteid),
there AS (SELECT l.level, l.siteid, CAST(coalesce(sum(p.n), 0) AS BIGINT) AS denominator FROM levels AS l LEFT JOIN held AS p ON l.level = 'study' OR p.site IS NOT DISTINCT FROM l.siteid GROUP BY l.level, l.siteid)
SELECT c.level, c.siteid, c.numerator, t.denominator, round(100.0 * c.numerator / nullif(t.denominator, 0), 2) AS value
FROM   counted AS c
JOIN   there AS t ON t.level = c.level AND t.siteid IS NOT DISTINCT FROM c.siteid
ORDER BY c.level DESC, c.siteid
