/*
title:    Data after consent was withdrawn
severity: critical
action:   query
message:  Disposition {dsdecod} on {dsstdtc}: the subject has data up to {last_contact}. Please correct the date, or confirm that the subject agreed to them.
field:    dsstdtc
optional: ds.dscat, ds.dsscat, ds.dsdecod

The latest full date of visits, vital signs, laboratory, adverse events and dosing is compared. Partial dates of withdrawal are compared only as
far as known. A withdrawal from treatment alone is not one of consent.
*/
SELECT d.record_key, d.siteid, d.subjid, d.visit, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm) AS dsdecod, d.dsstdtc, s.last_contact
FROM   ds AS d
JOIN   subjects AS s ON s.subjid = d.subjid
WHERE  study_disposition(d.dscat, d.dsscat, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    consent_withdrawn_term(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    iso_after(s.last_contact, d.dsstdtc)
