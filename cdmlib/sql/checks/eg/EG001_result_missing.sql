/*
title:    Electrocardiogram result is missing
severity: minor
action:   query
message:  Electrocardiogram {visit}, {egdtc}: the result of {test} is missing. Please enter the result, or mark it as not done.
field:    egorres
optional: eg.egtest, eg.egperf, eg.egstat, eg.egreasnd

Reported where the record has a date or is answered as performed. It does not catch an electrocardiogram of which nothing was entered.
*/
SELECT record_key, siteid, subjid, visit, egdtc, coalesce(nullif(trim(egtest), ''), egtestcd) AS test, egorres, egperf, egstat, egreasnd
FROM   eg
WHERE  blank(egorres)
AND    (NOT blank(egdtc) OR yes_no(egperf) = 'Y')
AND    yes_no(egperf) IS DISTINCT FROM 'N'
AND    upper(trim(egstat)) IS DISTINCT FROM 'NOT DONE'
AND    blank(egreasnd)
