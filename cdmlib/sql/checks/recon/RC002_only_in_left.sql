/*
title:    Record has no partner in the other source
severity: major
action:   review
message:  {title}: {left_label} has {left_value}; {right_label} has nothing that fits. Find out whether it is missing there or recorded otherwise, or accept the discrepancy with a reason.

Only records that must have a partner are found, such as serious adverse events (`expected` in study.toml).
*/
SELECT record_key, siteid, subjid, visit, recon, title, left_label, left_value, right_label
FROM   reconciliation
WHERE  result = 'only left'
