/*
title:    Declared reconciliation was not run, or not in full
severity: major
action:   internal
message:  {title}: {reason}. Map the table or column in tables/, or take the reconciliation out of study.toml.
*/
SELECT recon AS record_key, CAST(NULL AS VARCHAR) AS siteid, CAST(NULL AS VARCHAR) AS subjid, title, outcome, reason
FROM   reconciliation_runs
WHERE  NOT blank(reason)
