/*
title:    Medical history
from:     edc.MH
*/
SELECT 'MH|' || RecordId AS record_key, SiteNumber AS siteid, Subject AS subjid, InstanceName AS visit, DataPageName AS form,
       recordposition AS formrow, source, dataset, source_row,
       MHSPID AS mhspid, MHTERM AS mhterm,
       MHSTDAT_RAW AS mhstdat, iso_date(MHSTDAT_RAW) AS mhstdtc, MHENDAT_RAW AS mhendat, iso_date(MHENDAT_RAW) AS mhendtc,
       ongoing(coalesce(MHONGO_STD, MHONGO)) AS mhongo
FROM   edc.MH
WHERE  RecordActive = '1'
