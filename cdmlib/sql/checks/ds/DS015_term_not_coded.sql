/*
title:    Disposition without its status
severity: major
action:   query
message:  Disposition of {dsstdtc}: the status is {dsdecod}, with the reason in words {dsterm}. Please enter how the subject left the study.
field:    dsdecod
optional: ds.dscat, ds.dsstdtc

Reported where at least half of the disposition records have a status: a study that codes it later has it for few. A row that is empty throughout is not reported.
*/
WITH filled AS (SELECT count(nullif(trim(dsdecod), '')) AS n, count(*) AS of_all FROM ds)
SELECT d.record_key, d.siteid, d.subjid, d.visit, d.dscat, d.dsdecod, d.dsterm, d.dsstdtc
FROM   ds AS d
CROSS JOIN filled AS f
WHERE  blank(d.dsdecod)
AND    (NOT blank(d.dsterm) OR NOT blank(d.dsstdtc))
AND    2 * f.n >= f.of_all
