/*
title:    Eligibility not settled
owner:    medical
lines:    25
clean:    yes
params:   ids = ^IE

Findings of the checks on eligibility (those whose id fits $ids) that nobody has settled.
*/
SELECT siteid, subjid, visit, form, formrow, finding_id AS record_key, check_id || ': ' || message AS what
FROM   findings
WHERE  gone_on IS NULL AND regexp_matches(check_id, $ids) AND NOT settled(review_status, review_outdated)
