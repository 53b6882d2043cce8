/*
title:    More than one final disposition
severity: major
action:   query
message:  Disposition {dsdecod} on {dsstdtc}: the subject already has the disposition {first_disposition} on {first_date}. Please keep the right
          one and correct or remove the other.
field:    dsdecod, dsterm, dsstdtc
optional: ds.dscat, ds.dsscat

Milestones (consent, randomisation), other events and the end of a treatment do not count. Dispositions of different forms or
subcategories may stand side by side. Every record after the first is reported.
*/
WITH exits AS (
    SELECT record_key, siteid, subjid, visit, coalesce(nullif(trim(dsdecod), ''), trim(dsterm)) AS dsdecod, nullif(dsstdtc, '') AS dsstdtc,
           upper(coalesce(form, '')) AS page, upper(coalesce(trim(dsscat), '')) AS subcategory
    FROM   ds
    WHERE  study_disposition(dscat, dsscat, coalesce(nullif(trim(dsdecod), ''), dsterm))
)
SELECT record_key, siteid, subjid, visit, dsdecod, dsstdtc,
       first_value(dsdecod) OVER (PARTITION BY subjid, page, subcategory ORDER BY dsstdtc NULLS LAST, record_key) AS first_disposition,
       first_value(dsstdtc) OVER (PARTITION BY subjid, page, subcategory ORDER BY dsstdtc NULLS LAST, record_key) AS first_date
FROM   exits
QUALIFY row_number() OVER (PARTITION BY subjid, page, subcategory ORDER BY dsstdtc NULLS LAST, record_key) > 1
