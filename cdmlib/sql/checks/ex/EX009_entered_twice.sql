/*
title:    Dosing record entered twice
severity: major
action:   query
message:  Study treatment {extrt} from {exstdtc} to {exendtc}: there is another record with the same dates ({other_dose} beside {dose}). Please keep the right record and
          remove the other.
field:    exstdtc, exendtc
optional: ex.exoccur, ex.exdose, ex.exdosu, ex.exdosfrq, ex.exroute, ex.exendtc

The same subject, treatment, dates, time, frequency and route. Doses answered as not taken are left out. Of a pair the later record is reported. Two strengths
of one treatment given at the same time are reported where they have the same treatment name.
*/
WITH doses AS (
    SELECT record_key, siteid, subjid, visit, extrt, exstdtc, exendtc, concat_ws(' ', coalesce(printf('%g', exdose), 'no dose'), exdosu) AS dose,
           concat_ws('|', subjid, upper(trim(extrt)), exstdtc, coalesce(exendtc, ''), coalesce(exdosfrq, ''), coalesce(exroute, '')) AS one
    FROM   ex
    WHERE  exoccur IS DISTINCT FROM 'N'
    AND    iso_full(exstdtc)
)
SELECT record_key, siteid, subjid, visit, extrt, exstdtc, exendtc, dose, first_value(dose) OVER (PARTITION BY one ORDER BY record_key) AS other_dose
FROM   doses
QUALIFY row_number() OVER (PARTITION BY one ORDER BY record_key) > 1
