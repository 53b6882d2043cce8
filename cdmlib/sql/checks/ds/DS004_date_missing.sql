/*
title:    Disposition or milestone has no date
severity: major
action:   query
message:  Disposition {dsdecod}: the date is {dsstdat}. Please enter the date.
optional: ds.dsstdat

Milestones such as informed consent and randomisation are looked at too. A date that can't be read is left to IT001.
*/
SELECT record_key, siteid, subjid, visit, coalesce(nullif(trim(dsdecod), ''), dsterm) AS dsdecod, dsstdat, dsstdtc
FROM   ds
WHERE  NOT blank(coalesce(nullif(trim(dsdecod), ''), dsterm))
AND    blank(dsstdtc)
AND    (blank(dsstdat) OR unknown_text(dsstdat))
