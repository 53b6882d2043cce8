/*
title:    Record of the other source has no partner in the EDC
severity: major
action:   review
message:  {title}: {right_label} has {right_value}; {left_label} has nothing that fits. Find out whether it is missing there or recorded otherwise, or accept the discrepancy with a reason.

A record whose subject is not known at all is found by RC006.
*/
SELECT record_key, siteid, subjid, visit, recon, title, right_label, right_value, left_label
FROM   reconciliation
WHERE  result = 'only right'
