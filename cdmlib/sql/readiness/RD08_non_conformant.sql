/*
title:    Value that does not fit its field, not justified
owner:    site
lines:    9
clean:    yes

Findings of the checks on single values (dates, numbers, code lists, required values) that nobody has confirmed as right.
*/
SELECT siteid, subjid, visit, form, formrow, finding_id AS record_key, check_id || ': ' || message AS what
FROM   findings
WHERE  domain = 'items' AND gone_on IS NULL AND NOT settled(review_status, review_outdated)
