/*
title:    Disposition is death but the date of death is missing
severity: critical
action:   query
message:  Disposition {dsdecod} on {dsstdtc}: the date of death is missing. Please enter the date of death, or correct the disposition.
field:    dthdtc
optional: dm, ds.dscat, ds.dsscat, ds.dthdat

A date of death among the demographics counts too. For a date of death without such a disposition see SU004.
*/
SELECT d.record_key, d.siteid, d.subjid, d.visit, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm) AS dsdecod, d.dsstdtc, d.dthdat, d.dthdtc
FROM   ds AS d
WHERE  study_disposition(d.dscat, d.dsscat, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    death_term(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    blank(d.dthdtc)
AND    (blank(d.dthdat) OR unknown_text(d.dthdat))
AND    NOT EXISTS (SELECT 1 FROM dm AS m WHERE m.subjid = d.subjid AND NOT blank(m.dthdtc))
