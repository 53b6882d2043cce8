/*
title:    Check in error or not run
owner:    programmer
lines:    21

Checks that ended in an error or were not run. A check that the study switched off with a reason does not block.
*/
SELECT check_id AS record_key, check_id || ' ' || outcome || ': ' || reason AS what
FROM   check_runs
WHERE  outcome IN ('error', 'not run') AND reason NOT LIKE 'switched off%'
