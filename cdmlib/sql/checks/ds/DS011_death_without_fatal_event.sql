/*
title:    Disposition is death but no adverse event is fatal
severity: major
action:   query
message:  Disposition {dsdecod} on {dsstdtc}: no adverse event of the subject has a fatal outcome. Please enter the event that led to death, or correct the
          disposition.
optional: ds.dscat, ds.dsscat, ds.dsdecod, ds.dsstdtc, ae.aeout, ae.aesdth

Where the protocol does not collect the cause of death as an adverse event (progression of a cancer), switch the check off.
*/
SELECT d.record_key, d.siteid, d.subjid, d.visit, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm) AS dsdecod, d.dsstdtc
FROM   ds AS d
WHERE  study_disposition(d.dscat, d.dsscat, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    death_term(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    NOT EXISTS (
           SELECT 1
           FROM   ae AS a
           WHERE  a.subjid = d.subjid
           AND    (regexp_matches(upper(coalesce(a.aeout, '')), '^(FATAL|DEATH|DIED)') OR yes_no(a.aesdth) = 'Y')
       )
