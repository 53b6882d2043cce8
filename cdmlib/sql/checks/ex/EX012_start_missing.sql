/*
title:    Dose without a start date
severity: major
action:   query
message:  Study treatment {extrt}: a dose of {exdose} is entered, but the start date is {exstdat}. Please enter the date.
field:    exstdtc
optional: ex.exoccur, ex.exstdat, ex.exdose, ex.exendtc

Reported when a dose or an end date is there and treatment is not answered as not taken. A date that can't be read is left to IT001.
*/
SELECT record_key, siteid, subjid, visit, extrt, exdose, exstdat, exstdtc, exendtc
FROM   ex
WHERE  blank(exstdtc)
AND    (blank(exstdat) OR unknown_text(exstdat))
AND    (exdose > 0 OR NOT blank(exendtc))
AND    exoccur IS DISTINCT FROM 'N'
