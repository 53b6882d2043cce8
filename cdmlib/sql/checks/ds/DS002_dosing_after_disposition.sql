/*
title:    Dosing continues after the disposition date
severity: major
action:   query
message:  Disposition {dsdecod}: the date is {dsstdtc}, but the last dose of study treatment is on {last_dose}. Please correct the
          disposition date or the dosing record.
optional: ds.dscat, ds.dsscat

The disposition of the study is compared, not the one of a treatment. Partial dates are compared only as far as both are known.
*/
SELECT d.record_key, d.siteid, d.subjid, d.visit, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm) AS dsdecod, d.dsstdtc, s.last_dose
FROM   ds AS d
JOIN   subjects AS s ON s.subjid = d.subjid
WHERE  study_disposition(d.dscat, d.dsscat, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    iso_after(s.last_dose, d.dsstdtc)
