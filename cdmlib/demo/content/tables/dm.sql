/*
title:    Demographics
from:     edc.DM

Codes come from the _STD columns; what the EDC could not match to its code list stays as the site entered it.
*/
SELECT 'DM|' || RecordId AS record_key, SiteNumber AS siteid, Subject AS subjid, InstanceName AS visit, DataPageName AS form,
       recordposition AS formrow, source, dataset, source_row,
       DMDAT_RAW AS dmdat, iso_date(DMDAT_RAW) AS dmdtc,
       BRTHDAT_RAW AS brthdat, iso_date(BRTHDAT_RAW) AS brthdtc,
       AGE_RAW AS age_raw, num(AGE_RAW) AS age, 'YEARS' AS ageu,
       coalesce(SEX_STD, SEX) AS sex, coalesce(RACE_STD, RACE) AS race, coalesce(ETHNIC_STD, ETHNIC) AS ethnic,
       coalesce(COUNTRY_STD, COUNTRY) AS country,
       RFICDAT_RAW AS rficdat, iso_date(RFICDAT_RAW) AS rficdtc
FROM   edc.DM
WHERE  RecordActive = '1'
