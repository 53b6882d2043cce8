/*
title:    Serious adverse events and safety database disagree
owner:    safety
lines:    16
clean:    yes

Pairs of the reconciliation with the safety database that disagree, or that only one side has, and that nobody has accepted.
*/
SELECT siteid, subjid, coalesce(left_key, right_key) AS record_key, recon || ': ' || result || coalesce(', ' || field || ': ' || coalesce(left_value, '(blank)') || ' and ' || coalesce(right_value, '(blank)'), '') AS what
FROM   reconciliation
WHERE  recon LIKE 'sae%' AND result <> 'matched' AND status IS DISTINCT FROM 'accepted'
