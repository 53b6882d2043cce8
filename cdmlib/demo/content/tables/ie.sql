/*
title:    Eligibility criteria
from:     edc.IE

One record per subject: whether all criteria are met and, if not, the one that is not.
*/
SELECT 'IE|' || RecordId AS record_key, SiteNumber AS siteid, Subject AS subjid, InstanceName AS visit, DataPageName AS form,
       recordposition AS formrow, source, dataset, source_row,
       coalesce(IEYN_STD, IEYN) AS ieyn, coalesce(IECAT_STD, IECAT) AS iecat, IETESTCD AS ietestcd, IETEST AS ietest,
       coalesce(IEORRES_STD, IEORRES) AS ieorres, IEDAT_RAW AS iedat, iso_date(IEDAT_RAW) AS iedtc
FROM   edc.IE
WHERE  RecordActive = '1'
