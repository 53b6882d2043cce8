/*
title:    Serious adverse events and safety database disagree
owner:    safety
lines:    16
clean:    yes

Disagreements of the reconciliation with the safety database (about = "serious events" in study.toml), and cases that only one side has, that nobody has settled
in a review. Not run without such a reconciliation, or when it was not run.
*/
WITH declared AS (SELECT recon, outcome, reason FROM reconciliation_runs WHERE about = 'serious events')
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
SELECT NULL, NULL, NULL, NULL, NULL, 'study.toml declares no reconciliation with the safety database'
WHERE  NOT EXISTS (SELECT 1 FROM declared)
