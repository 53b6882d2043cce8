/*
title:    Screening failure who was randomised or dosed
severity: critical
action:   query
message:  Disposition {dsdecod} on {dsstdtc}: but the subject was randomised on {randomised_date} and first dosed on {first_dose}. Please correct the disposition,
          or confirm that it is right.
field:    dsdecod, dsterm
optional: ds.dscat, ds.dsscat, ds.dsdecod, ds.dsstdtc, subjects.randomised_date, subjects.first_dose

An empty date in the text means that the subject was only randomised, or only dosed.
*/
SELECT d.record_key, d.siteid, d.subjid, d.visit, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm) AS dsdecod, d.dsstdtc, s.randomised_date, s.first_dose
FROM   ds AS d
JOIN   subjects AS s ON s.subjid = d.subjid
WHERE  study_disposition(d.dscat, d.dsscat, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    screen_failure_term(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    (NOT blank(s.randomised_date) OR NOT blank(s.first_dose))
