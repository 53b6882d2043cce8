/*
title:    Third-party data disagree with the EDC
owner:    DM
lines:    13
clean:    yes

Pairs of a reconciliation of laboratory, PK, ePRO or device data that disagree, or that only one side has, and that nobody has accepted.
*/
SELECT siteid, subjid, coalesce(left_key, right_key) AS record_key, recon || ': ' || result || coalesce(', ' || field || ': ' || coalesce(left_value, '(blank)') || ' and ' || coalesce(right_value, '(blank)'), '') AS what
FROM   reconciliation
WHERE  recon NOT LIKE 'sae%' AND recon NOT LIKE 'irt%' AND result <> 'matched' AND status IS DISTINCT FROM 'accepted'
