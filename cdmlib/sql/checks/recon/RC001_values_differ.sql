/*
title:    Two sources differ in a value
severity: major
action:   review
message:  {record}: {field_label} is {left_value} in {left_label} and {right_value} in {right_label}. Find out which is right and have the other corrected, or accept the discrepancy with a reason.

One finding per pair of records and field; what may differ by how much is declared in study.toml. The pair itself, with the evidence for it, is in
the sheet of its reconciliation.
*/
SELECT record_key, siteid, subjid, visit, recon, title, record, field_label, left_label, left_value, right_label, right_value
FROM   reconciliation
WHERE  result = 'mismatch'
