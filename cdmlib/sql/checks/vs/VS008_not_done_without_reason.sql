/*
title:    Vital signs not done without a reason
severity: minor
action:   query
params:   percent = 50
message:  Vital signs {visit}: {tests} marked as not done without a reason. Please enter the reason.
field:    vsreasnd
optional: vs.vsperf, vs.vsstat, vs.vstest

One finding for each subject and visit, on its first such record; a reason on any record of the visit counts for all. Only where at least $percent percent of the study's visits
with something not done have a reason, since some forms ask for it only when nothing was measured.
*/
WITH left_out AS (
    SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, visit, string_agg(coalesce(nullif(trim(vstest), ''), vstestcd), ', ' ORDER BY record_key) AS tests,
           count(nullif(trim(vsreasnd), '')) AS reasons
    FROM   vs
    WHERE  blank(vsorres)
    AND    (upper(trim(vsstat)) = 'NOT DONE' OR yes_no(vsperf) = 'N')
    GROUP BY subjid, visit
)
SELECT record_key, siteid, subjid, visit, tests
FROM   left_out
WHERE  reasons = 0
AND    (SELECT 100.0 * count(CASE WHEN reasons > 0 THEN 1 END) FROM left_out) >= $percent * (SELECT count(*) FROM left_out)
