/*
title:    Randomisation system
from:     irt.IRT
*/
SELECT 'IRT|' || randomisation_number AS record_key, CAST(NULL AS VARCHAR) AS siteid, subject AS subjid, source, dataset, source_row,
       randomisation_number, randomisation_date AS randomised, iso_date(randomisation_date) AS randomised_on, stratum, sex_code(sex) AS sex,
       year_of_birth AS birth, iso_date(year_of_birth) AS birth_date, status
FROM   irt.IRT
