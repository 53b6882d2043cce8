/*
title:    Adverse events
from:     edc.AE
*/
SELECT 'AE|' || RecordId AS record_key, SiteNumber AS siteid, Subject AS subjid, InstanceName AS visit, DataPageName AS form,
       recordposition AS formrow, source, dataset, source_row,
       AESPID AS aespid, AETERM AS aeterm,
       AESTDAT_RAW AS aestdat, iso_date(AESTDAT_RAW) AS aestdtc, AEENDAT_RAW AS aeendat, iso_date(AEENDAT_RAW) AS aeendtc,
       ongoing(coalesce(AEONGO_STD, AEONGO)) AS aeongo,
       coalesce(AESEV_STD, AESEV) AS aesev,
       coalesce(AESER_STD, AESER) AS aeser, coalesce(AESDTH_STD, AESDTH) AS aesdth, coalesce(AESLIFE_STD, AESLIFE) AS aeslife,
       coalesce(AESHOSP_STD, AESHOSP) AS aeshosp, coalesce(AESDISAB_STD, AESDISAB) AS aesdisab,
       coalesce(AESCONG_STD, AESCONG) AS aescong, coalesce(AESMIE_STD, AESMIE) AS aesmie,
       coalesce(AEREL_STD, AEREL) AS aerel, coalesce(AEACN_STD, AEACN) AS aeacn, coalesce(AECONTRT_STD, AECONTRT) AS aecontrt,
       coalesce(AEOUT_STD, AEOUT) AS aeout
FROM   edc.AE
WHERE  RecordActive = '1'
