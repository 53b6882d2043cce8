/*
title:    Electrocardiogram has a result although marked as not done
severity: minor
action:   query
message:  Electrocardiogram {visit}, {egdtc}: {test} is marked as not done, but the result is {egorres}. Please remove the mark or the result.
field:    egorres, egstat
optional: eg.egtest, eg.egreasnd
*/
SELECT record_key, siteid, subjid, visit, egdtc, coalesce(nullif(trim(egtest), ''), egtestcd) AS test, egorres, egstat, egreasnd
FROM   eg
WHERE  upper(trim(egstat)) = 'NOT DONE'
AND    NOT blank(egorres)
AND    NOT unknown_text(egorres)
