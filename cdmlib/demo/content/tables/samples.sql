/*
title:    Samples received by the laboratory that measures concentrations
from:     samples.PK_SAMPLES
*/
SELECT 'SAMPLE|' || sample_id AS record_key, CAST(NULL AS VARCHAR) AS siteid, subject AS subjid, visit, source, dataset, source_row,
       sample_id, time_point AS timepoint, collection_date AS collected, iso_date(collection_date) AS collected_on,
       collection_time AS collected_time, received_date AS received, iso_date(received_date) AS received_on, sample_condition AS condition
FROM   samples.PK_SAMPLES
