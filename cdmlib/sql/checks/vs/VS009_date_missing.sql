/*
title:    Vital sign without a date
severity: major
action:   query
message:  Vital signs {visit}: {results} results have no date. Please enter the date of the measurements.
field:    vsdtc
optional: vs.vsdat

One finding for each subject and visit, on its first such record. A date given as not known is reported as well; one that is entered but can't be read is left to IT001.
A partial date is accepted.
*/
SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, visit, min(vsdat) AS vsdat, count(*) AS results
FROM   vs
WHERE  NOT blank(vsorres)
AND    NOT unknown_text(vsorres)
AND    blank(vsdtc)
AND    (blank(vsdat) OR unknown_text(vsdat))
GROUP BY subjid, visit
