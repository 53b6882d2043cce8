/*
title:    Height or weight was never measured
severity: minor
action:   query
params:   percent = 80, minimum = 10
message:  Subject {subjid}: there are vital signs from {visits} visits, but no {test} at any of them, which {others} percent of the subjects have. Please enter the {test}, or the reason why it was not measured.
field:    vsorres
optional: vs.vsstat

Reported where at least $percent percent of at least $minimum subjects with vital signs have a height (or a weight), for subjects with a result at a visit. A measurement marked as not done at any visit is not reported. The finding is on the subject's
first record.
*/
WITH measured AS (
    SELECT subjid, min(record_key) AS record_key, min(siteid) AS siteid, count(DISTINCT visit) AS visits,
           count(CASE WHEN upper(trim(vstestcd)) = 'HEIGHT' AND (NOT blank(vsorres) OR NOT blank(vsstat)) THEN 1 END) > 0 AS height,
           count(CASE WHEN upper(trim(vstestcd)) = 'WEIGHT' AND (NOT blank(vsorres) OR NOT blank(vsstat)) THEN 1 END) > 0 AS weight
    FROM   vs
    GROUP BY subjid
    HAVING count(CASE WHEN NOT blank(vsorres) THEN 1 END) > 0
),
tests AS (
    SELECT 'height' AS test, count(*) AS n, count(CASE WHEN height THEN 1 END) AS having_it FROM measured
    UNION ALL
    SELECT 'weight', count(*), count(CASE WHEN weight THEN 1 END) FROM measured
)
SELECT m.record_key, m.siteid, m.subjid, m.visits, string_agg(t.test, ' and no ' ORDER BY t.test) AS test, round(min(100.0 * t.having_it / t.n), 0) AS others
FROM   measured AS m
JOIN   tests AS t ON (t.test = 'height' AND NOT m.height) OR (t.test = 'weight' AND NOT m.weight)
WHERE  t.n >= $minimum
AND    100.0 * t.having_it >= $percent * t.n
GROUP BY m.record_key, m.siteid, m.subjid, m.visits
