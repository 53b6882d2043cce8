/*
title:    Dosed but no randomisation is entered
severity: critical
action:   query
message:  Subject {subjid}: first dosed on {first_dose}, but no randomisation is entered. Please enter the randomisation, or correct the dosing record.
field:    ds.dsdecod

Not run where no subject of the study has a randomisation. Where the design has a treatment before randomisation, switch the check off.
*/
SELECT record_key, siteid, subjid, first_dose, randomised_date, status
FROM   subjects
WHERE  NOT blank(first_dose)
AND    blank(randomised_date)
