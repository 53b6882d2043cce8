/*
title:    Third-party data disagree with the EDC
owner:    DM
lines:    13
clean:    yes

Disagreements of the reconciliations of laboratory, PK, ePRO and device data (every one whose `about` in study.toml says nothing else), and records
that only one side has, that nobody has settled in a review. Not run without such a reconciliation, or when one of them was not run.
*/
WITH declared AS (SELECT recon, outcome, reason FROM reconciliation_runs WHERE about = 'third party')
SELECT siteid, subjid, visit, coalesce(left_key, right_key) AS record_key,
       recon || ': ' || result || coalesce(', ' || field || ': ' || coalesce(left_value, '(blank)') || ' and ' || coalesce(right_value, '(blank)'), '') AS what,
       CAST(NULL AS VARCHAR) AS not_run
FROM   reconciliation
WHERE  recon IN (SELECT recon FROM declared) AND result <> 'matched' AND NOT settled(status, false)
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, recon || ' not run: ' || reason
FROM   declared
WHERE  outcome = 'not run'
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, 'study.toml declares no reconciliation with third-party data'
WHERE  NOT EXISTS (SELECT 1 FROM declared)
