/*
title:    Lost to follow-up but with later data
severity: major
action:   query
message:  Disposition {dsdecod} on {dsstdtc}: the subject has data of {last_contact}, after contact was lost. Please correct the date or the disposition.
field:    dsstdtc
optional: ds.dscat, ds.dsscat, ds.dsdecod

The latest full date of visits, vital signs, laboratory, adverse events and dosing is compared; a death that became known later is not. Partial
dates are compared only as far as known.
*/
SELECT d.record_key, d.siteid, d.subjid, d.visit, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm) AS dsdecod, d.dsstdtc, s.last_contact
FROM   ds AS d
JOIN   subjects AS s ON s.subjid = d.subjid
WHERE  study_disposition(d.dscat, d.dsscat, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    lost_term(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    iso_after(s.last_contact, d.dsstdtc)
