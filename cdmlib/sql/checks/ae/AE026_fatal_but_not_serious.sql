/*
title:    Fatal adverse event is not serious
severity: critical
action:   query
message:  Adverse event {aeterm}: the outcome is {aeout}, but serious is {aeser}. Please correct serious, or the outcome.
field:    aeser, aeout
optional: ae.aesdth, ae.aeslife, ae.aeshosp, ae.aesdisab, ae.aescong, ae.aesmie

An event with a criterion of seriousness answered yes is left to AE008. It does not read toxicity grade 5 (AE027).
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aeser, aeout
FROM   ae
WHERE  fatal_outcome(aeout)
AND    aeser IS DISTINCT FROM 'Y'
AND    'Y' NOT IN (coalesce(aesdth, ''), coalesce(aeslife, ''), coalesce(aeshosp, ''), coalesce(aesdisab, ''), coalesce(aescong, ''), coalesce(aesmie, ''))
