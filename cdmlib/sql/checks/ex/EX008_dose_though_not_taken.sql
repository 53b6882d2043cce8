/*
title:    Dose entered although treatment was not taken
severity: major
action:   query
message:  Study treatment {extrt} from {exstdtc}: the dose is {exdose}, but treatment was answered as not taken. Please correct one of them.
field:    exoccur, exdose

A dose of 0 agrees with not taken.
*/
SELECT record_key, siteid, subjid, visit, extrt, exstdtc, exdose, exoccur
FROM   ex
WHERE  yes_no(exoccur) = 'N'
AND    exdose > 0
