/*
title:    Death not consistent across forms
owner:    site
lines:    26
clean:    yes
params:   words = death|died|fatal

Findings of checks whose title speaks of death, that nobody has settled.
*/
SELECT siteid, subjid, visit, form, formrow, finding_id AS record_key, check_id || ': ' || message AS what
FROM   findings
WHERE  gone_on IS NULL AND regexp_matches(lower(title), $words) AND NOT settled(review_status, review_outdated)
