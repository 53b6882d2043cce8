/*
title:    Visits held and missed
from:     edc.SV
*/
SELECT 'SV|' || RecordId AS record_key, SiteNumber AS siteid, Subject AS subjid, InstanceName AS visit, DataPageName AS form,
       recordposition AS formrow, source, dataset, source_row,
       coalesce(SVOCCUR_STD, SVOCCUR) AS svoccur, SVSTDAT_RAW AS svstdat, iso_date(SVSTDAT_RAW) AS svstdtc, SVREASND AS svreasnd
FROM   edc.SV
WHERE  RecordActive = '1'
