/*
title:    Randomised but no dose is entered
severity: major
action:   query
params:   days = 14
message:  Subject {subjid}: randomised on {randomised_date}, but no dose of study treatment is entered. Please enter the first dose, or why there was none.
field:    ex.exstdtc
optional: subjects.disposition

Reported from the day after $days days since randomisation. A subject with a disposition, who may have left before the first dose, is left out.
*/
SELECT record_key, siteid, subjid, randomised_date, first_dose, status
FROM   subjects
WHERE  overdue(randomised_date, $days, $as_of)
AND    blank(first_dose)
AND    blank(disposition)
AND    status IS DISTINCT FROM 'DEATH'
