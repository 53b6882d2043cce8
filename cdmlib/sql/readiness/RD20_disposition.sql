/*
title:    Discontinuation not complete
owner:    site
lines:    24
clean:    yes
params:   ids = ^(DS0|AE012|SU004)

Findings of the checks on dispositions (those whose id fits $ids) that nobody has settled.
*/
SELECT siteid, subjid, visit, form, formrow, finding_id AS record_key, check_id || ': ' || message AS what
FROM   findings
WHERE  gone_on IS NULL AND regexp_matches(check_id, $ids) AND NOT settled(review_status, review_outdated)
