/*
title:    Queries closed per week
params:   weeks = 12

Queries closed or cancelled in each of the last weeks, of those that could be: opened by the end of the week and not closed before it. A week
is seven days, and the last one ends on the cut-off date. Queries opened or closed at a time that is not known to the day are left out.
*/
WITH levels AS (SELECT 'study' AS level, CAST(NULL AS VARCHAR) AS siteid UNION ALL SELECT DISTINCT 'site', siteid FROM queries),
weeks AS (SELECT number, iso_plus($as_of, -7 * number - 6) || ' to ' || iso_plus($as_of, -7 * number) AS category FROM range(CAST($weeks AS INTEGER)) AS r(number)),
spans AS (
    SELECT siteid, CAST(floor(iso_days(opened_on, $as_of) / 7.0) AS INTEGER) AS opened_in, CAST(floor(iso_days(closed_on, $as_of) / 7.0) AS INTEGER) AS closed_in
    FROM   queries
    WHERE  iso_full(opened_on) AND (status IN ('open', 'answered') OR iso_full(closed_on))
)
SELECT l.level, l.siteid, w.category, count(CASE WHEN s.closed_in = w.number THEN 1 END) AS numerator,
       count(CASE WHEN s.opened_in >= w.number AND (s.closed_in IS NULL OR s.closed_in <= w.number) THEN 1 END) AS denominator,
       CAST(count(CASE WHEN s.closed_in = w.number THEN 1 END) AS DOUBLE) AS value, 'queries' AS unit
FROM   levels AS l
CROSS JOIN weeks AS w
LEFT JOIN spans AS s ON l.level = 'study' OR s.siteid IS NOT DISTINCT FROM l.siteid
GROUP BY l.level, l.siteid, w.category, w.number
ORDER BY l.level DESC, l.siteid, w.number DESC
