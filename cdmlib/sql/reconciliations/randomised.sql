/*
title:    Subjects who were randomised according to the EDC
optional: subjects.randomised_date, subjects.sex, subjects.birth_date, subjects.first_dose

A subject with a first dose counts as randomised also when the date is missing.
*/
SELECT record_key, siteid, subjid, randomised_date, sex, birth_date
FROM   subjects
WHERE  NOT blank(randomised_date) OR NOT blank(first_dose)
