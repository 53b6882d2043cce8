/*
title:    Serious adverse event without a criterion
severity: critical
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: serious is answered yes, but no criterion of seriousness is. Please answer the criterion
          that applies with yes, or correct serious.
field:    aeser, aesdth, aeslife, aeshosp, aesdisab, aescong, aesmie
optional: ae.aesdth, ae.aeslife, ae.aesdisab, ae.aescong, ae.aesmie

Runs where at least hospitalisation is asked. A study that asks for another criterion (cancer, overdose) has to map it to
medically important, or events with that criterion alone are reported.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aeser, aesdth, aeslife, aeshosp, aesdisab, aescong, aesmie
FROM   ae
WHERE  aeser = 'Y'
AND    'Y' NOT IN (coalesce(aesdth, ''), coalesce(aeslife, ''), coalesce(aeshosp, ''), coalesce(aesdisab, ''), coalesce(aescong, ''), coalesce(aesmie, ''))
