/*
title:    Samples for the concentration of the drug
from:     edc.PC
*/
SELECT 'PC|' || RecordId AS record_key, SiteNumber AS siteid, Subject AS subjid, InstanceName AS visit, DataPageName AS form,
       recordposition AS formrow, source, dataset, source_row,
       coalesce(PCPERF_STD, PCPERF) AS pcperf, PCREASND AS pcreasnd, PCREFID AS pcrefid, PCTPT AS pctpt,
       PCDAT_RAW AS pcdat, iso_date(PCDAT_RAW) AS pcdtc, PCTIM AS pctim
FROM   edc.PC
WHERE  RecordActive = '1'
