/*
title:    Central laboratory
from:     lab.CENTRAL_LAB

The transfer of the laboratory, a row per result. The sites copy five of its tests onto the laboratory page of the EDC.
*/
SELECT concat_ws('|', 'LBX', accession_number, test_code, row_number() OVER (PARTITION BY accession_number, test_code ORDER BY source_row)) AS record_key,
       CAST(NULL AS VARCHAR) AS siteid, subject AS subjid, visit, source, dataset, source_row,
       accession_number AS accession, test_code AS testcd, test_name AS test, result, num(result) AS result_number, unit,
       num(reference_low) AS low, num(reference_high) AS high, collection_date AS collected, iso_date(collection_date) AS collected_on,
       collection_time AS collected_time, received_date AS received, iso_date(received_date) AS received_on,
       sex_code(sex) AS sex, date_of_birth AS birth, iso_date(date_of_birth) AS birth_date
FROM   lab.CENTRAL_LAB
