/*
title:    Laboratory samples received, by subject, visit and accession number
optional: lbx.collected, lbx.collected_time, lbx.sex, lbx.birth, lbx.birth_date

The record is the first of the accession number; LX001 in the check catalogue finds one that is used twice.
*/
SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, visit, accession, coalesce(collected_on, collected) AS collected,
       min(collected_time) AS collected_time, min(sex) AS sex, min(coalesce(birth_date, birth)) AS birth_date
FROM   lbx
GROUP BY subjid, visit, accession, coalesce(collected_on, collected)
