/*
title:    Laboratory test not done without a reason
severity: minor
action:   query
params:   percent = 50
message:  Laboratory {visit}: {tests} marked as not done without a reason. Please enter the reason.
field:    lbreasnd
optional: lb.lbperf, lb.lbtest

One finding for each subject and visit, on its first such record; a reason on any record of the visit counts for all. Only where at least $percent percent of the study's
visits with something not done have a reason, since some forms ask for it only when nothing was done.
*/
WITH left_out AS (
    SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, visit,
           CASE WHEN count(*) = 1 THEN min(coalesce(nullif(trim(lbtest), ''), lbtestcd)) ELSE CAST(count(*) AS VARCHAR) || ' tests' END AS tests,
           count(nullif(trim(lbreasnd), '')) AS reasons
    FROM   lb
    WHERE  blank(lborres)
    AND    (upper(trim(lbstat)) = 'NOT DONE' OR yes_no(lbperf) = 'N')
    GROUP BY subjid, visit
)
SELECT record_key, siteid, subjid, visit, tests
FROM   left_out
WHERE  reasons = 0
AND    (SELECT 100.0 * count(CASE WHEN reasons > 0 THEN 1 END) FROM left_out) >= $percent * (SELECT count(*) FROM left_out)
