/*
title:    Electrocardiogram without a date
severity: major
action:   query
message:  Electrocardiogram {visit}: {results} results have no date. Please enter the date.
field:    egdtc
optional: eg.egdat

One finding for each subject and visit, on its first such record. A date given as not known is reported as well; one that is entered but can't be read is left to IT001. A partial date is accepted.
*/
SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, visit, min(egdat) AS egdat, count(*) AS results
FROM   eg
WHERE  NOT blank(egorres)
AND    NOT unknown_text(egorres)
AND    blank(egdtc)
AND    (blank(egdat) OR unknown_text(egdat))
GROUP BY subjid, visit
