/*
title:    Prior and concomitant medications
from:     edc.CM
*/
SELECT 'CM|' || RecordId AS record_key, SiteNumber AS siteid, Subject AS subjid, InstanceName AS visit, DataPageName AS form,
       recordposition AS formrow, source, dataset, source_row,
       CMSPID AS cmspid, CMTRT AS cmtrt, CMINDC AS cmindc, CMAENO AS cmaeno, CMMHNO AS cmmhno,
       CMDSTXT_RAW AS cmdstxt, num(CMDSTXT_RAW) AS cmdose, coalesce(CMDOSU_STD, CMDOSU) AS cmdosu,
       coalesce(CMDOSFRQ_STD, CMDOSFRQ) AS cmdosfrq, coalesce(CMROUTE_STD, CMROUTE) AS cmroute,
       CMSTDAT_RAW AS cmstdat, iso_date(CMSTDAT_RAW) AS cmstdtc, CMENDAT_RAW AS cmendat, iso_date(CMENDAT_RAW) AS cmendtc,
       ongoing(coalesce(CMONGO_STD, CMONGO)) AS cmongo
FROM   edc.CM
WHERE  RecordActive = '1'
