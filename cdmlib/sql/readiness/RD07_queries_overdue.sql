/*
title:    Query waiting for too long
owner:    DM
lines:    8
params:   days = 30

Open and answered queries that have waited for more than $days days for whoever must act. Exactly $days days is not too long.
*/
SELECT siteid, subjid, visit, form, formrow, query_id AS record_key, 'query ' || query_id || ' has waited for ' || CAST(waiting_days AS VARCHAR) || ' days' AS what,
       CASE WHEN status = 'open' THEN 'site' ELSE 'DM' END AS owner
FROM   queries
WHERE  status IN ('open', 'answered') AND waiting_days > $days
