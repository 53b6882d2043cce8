/*
title:    Finding not reviewed
owner:    DM
lines:    20
clean:    yes

Findings that are present and that nobody has settled: confirmed as right, not an issue, resolved or waived. A review that is outdated by a
change of the data does not count. Minor findings count for the lock, and for a clean subject too.
*/
SELECT siteid, subjid, visit, form, formrow, finding_id AS record_key, check_id || ' (' || severity || '): ' || message AS what,
       CASE WHEN action = 'query' AND review_status = 'Query raised' THEN 'site' ELSE 'DM' END AS owner
FROM   findings
WHERE  gone_on IS NULL AND NOT settled(review_status, review_outdated)
