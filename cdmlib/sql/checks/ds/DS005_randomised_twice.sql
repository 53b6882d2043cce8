/*
title:    Subject randomised more than once
severity: critical
action:   query
message:  Randomisation on {dsstdtc}: the subject already has a randomisation on {first_date}. Please keep the right record and remove the other.
field:    dsstdtc
optional: ds.dsstdtc

Every randomisation record after the first is reported. Where the design has a second randomisation, switch the check off.
*/
WITH randomisations AS (
    SELECT record_key, siteid, subjid, visit, coalesce(nullif(trim(dsdecod), ''), dsterm) AS dsdecod, nullif(dsstdtc, '') AS dsstdtc
    FROM   ds
    WHERE  milestone_term(coalesce(nullif(trim(dsdecod), ''), dsterm))
    AND    upper(trim(coalesce(nullif(trim(dsdecod), ''), dsterm))) LIKE 'RANDOMI%'
)
SELECT record_key, siteid, subjid, visit, dsdecod, dsstdtc,
       first_value(dsstdtc) OVER (PARTITION BY subjid ORDER BY dsstdtc NULLS LAST, record_key) AS first_date
FROM   randomisations
QUALIFY row_number() OVER (PARTITION BY subjid ORDER BY dsstdtc NULLS LAST, record_key) > 1
