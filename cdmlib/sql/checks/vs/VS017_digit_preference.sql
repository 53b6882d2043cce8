/*
title:    Blood pressures of a site are rounded
severity: minor
action:   review
params:   minimum = 60, percent = 50
message:  Site {siteid}: {percent_zero} percent of {readings} blood pressures end in 0, against {elsewhere} percent at the other sites. Please find out how blood pressure is measured and recorded there.
field:    vsorres

A site with at least $minimum readings in mmHg, at least $percent percent of which end in 0 (10 percent are expected, 20 with a manometer that is read to even figures), and at least twice as many as at the other sites together.
The finding is on the site's first reading. It does not catch other habits, such as a preference for 5 or for values below 140.
*/
WITH readings AS (
    SELECT record_key, coalesce(siteid, '') AS siteid, subjid, vsdtc, CASE WHEN CAST(vsorresn AS BIGINT) % 10 = 0 THEN 1 ELSE 0 END AS zero
    FROM   vs
    WHERE  upper(trim(vstestcd)) IN ('SYSBP', 'DIABP')
    AND    vsorresn BETWEEN 30 AND 300
    AND    vsorresn = trunc(vsorresn)
),
sites AS (SELECT siteid, min(record_key) AS record_key, count(*) AS readings, sum(zero) AS zeros FROM readings GROUP BY siteid),
totals AS (SELECT record_key, siteid, readings, zeros, sum(readings) OVER () - readings AS others, sum(zeros) OVER () - zeros AS other_zeros FROM sites)
SELECT record_key, nullif(siteid, '') AS siteid, CAST(NULL AS VARCHAR) AS subjid, readings, round(100.0 * zeros / readings, 0) AS percent_zero,
       CASE WHEN others > 0 THEN round(100.0 * other_zeros / others, 0) END AS elsewhere
FROM   totals
WHERE  readings >= $minimum
AND    100.0 * zeros >= $percent * readings
AND    (others = 0 OR zeros / readings >= 2.0 * other_zeros / others)
