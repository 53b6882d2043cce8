/*
title:    Two subject numbers become one
severity: critical
action:   review
message:  {title}: the subject numbers {left_value} of {left_label} and {right_value} of {right_label} can't be told apart once spelling is left out of account. Have the numbers corrected, or declare in study.toml how they are spelled.

Nothing of these subjects is paired until then, because a pair could be of two people.
*/
SELECT record_key, siteid, subjid, visit, recon, title, left_label, left_value, right_label, right_value
FROM   reconciliation
WHERE  result = 'collision'
