/*
title:    Disposition
from:     edc.DS

The form holds the randomisation (protocol milestone), the end of treatment and the end of participation (disposition events).
*/
SELECT 'DS|' || RecordId AS record_key, SiteNumber AS siteid, Subject AS subjid, InstanceName AS visit, DataPageName AS form,
       recordposition AS formrow, source, dataset, source_row,
       coalesce(DSCAT_STD, DSCAT) AS dscat, coalesce(DSSCAT_STD, DSSCAT) AS dsscat,
       coalesce(DSDECOD_STD, DSDECOD) AS dsdecod, DSTERM AS dsterm,
       DSSTDAT_RAW AS dsstdat, iso_date(DSSTDAT_RAW) AS dsstdtc, DTHDAT_RAW AS dthdat, iso_date(DTHDAT_RAW) AS dthdtc
FROM   edc.DS
WHERE  RecordActive = '1'
