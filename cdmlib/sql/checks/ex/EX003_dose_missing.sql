/*
title:    Treatment taken but the dose is missing
severity: major
action:   query
message:  Study treatment {extrt} from {exstdtc}: treatment was taken, but the dose is missing. Please enter the dose.
field:    exdose
optional: ex.exoccur, ex.exdstxt

Where the study does not ask whether the dose was taken, a start date counts as taken. A dose of 0 is a dose. A dose that is entered but
can't be read as a number is left to IT003.
*/
SELECT record_key, siteid, subjid, visit, extrt, exoccur, exstdtc, exdstxt, exdose
FROM   ex
WHERE  exdose IS NULL
AND    blank(exdstxt)
AND    (exoccur = 'Y' OR (exoccur IS NULL AND NOT blank(exstdtc)))
