/*
title:    Duplicate record not resolved
owner:    site
lines:    22
params:   words = duplicate|twice|two demographics

Findings of checks whose title speaks of duplicates, that nobody has settled.
*/
SELECT siteid, subjid, visit, form, formrow, finding_id AS record_key, check_id || ': ' || message AS what
FROM   findings
WHERE  gone_on IS NULL AND regexp_matches(lower(title), $words) AND NOT settled(review_status, review_outdated)
