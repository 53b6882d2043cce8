/*
title:    Subject of another source is not in the EDC
severity: critical
action:   review
message:  {title}: the subject number {number} is not in the EDC. Have the number corrected, or find out why the EDC lacks the subject.

One finding per subject number, however many records it has.
*/
SELECT record_key, siteid, subjid, visit, recon, title, right_label, coalesce(right_value, left_value) AS number
FROM   reconciliation
WHERE  result = 'unknown subject'
