/*
title:    It is not clear which two records belong together
severity: major
action:   review
message:  {title}: {right_label} has {right_value}; it may belong to {candidates} of {left_label}, but none of them for certain. Choose the right one by making the sources agree, or accept the discrepancy with a reason.

No pair is made that is not clear. The evidence for each is in the sheet of the reconciliation.
*/
SELECT min(record_key) AS record_key, min(siteid) AS siteid, min(subjid) AS subjid, min(visit) AS visit, recon, title, right_label, right_value, left_label,
       string_agg(left_value, ' / ' ORDER BY left_value) AS candidates
FROM   reconciliation
WHERE  result = 'ambiguous'
GROUP BY recon, title, right_label, right_key, right_value, left_label
