/*
title:    Study treatment
from:     edc.EX

One record per dosing interval; an interval without an end is the one now running.
*/
SELECT 'EX|' || RecordId AS record_key, SiteNumber AS siteid, Subject AS subjid, InstanceName AS visit, DataPageName AS form,
       recordposition AS formrow, source, dataset, source_row,
       EXSPID AS exspid, EXTRT AS extrt, EXDSTXT_RAW AS exdstxt, num(EXDSTXT_RAW) AS exdose,
       coalesce(EXDOSU_STD, EXDOSU) AS exdosu, coalesce(EXDOSFRQ_STD, EXDOSFRQ) AS exdosfrq, coalesce(EXROUTE_STD, EXROUTE) AS exroute,
       EXSTDAT_RAW AS exstdat, iso_date(EXSTDAT_RAW) AS exstdtc, EXENDAT_RAW AS exendat, iso_date(EXENDAT_RAW) AS exendtc,
       EXADJ AS exadj
FROM   edc.EX
WHERE  RecordActive = '1'
