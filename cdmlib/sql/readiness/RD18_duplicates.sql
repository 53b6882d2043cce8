/*
title:    Duplicate record not resolved
owner:    site
lines:    22
params:   words = duplicate|twice, ids = ^(DM005|DM006|DS005|LB006)

Findings of checks whose title speaks of duplicates (has one of $words) or whose id fits $ids, that nobody has settled.
*/
SELECT siteid, subjid, visit, form, formrow, finding_id AS record_key, check_id || ': ' || message AS what
FROM   findings
WHERE  gone_on IS NULL AND (regexp_matches(lower(title), $words) OR regexp_matches(check_id, $ids)) AND NOT settled(review_status, review_outdated)
