/*
title:    Disposition for another reason, but which?
severity: minor
action:   query
message:  Disposition {dsdecod} on {dsstdtc}: the reason in words is {dsterm}. Please enter the reason.
field:    dsterm
optional: ds.dsstdtc

Reported for the answers other and discontinued, which say nothing by themselves, when the term in words is missing or only says the same again.
*/
SELECT record_key, siteid, subjid, visit, dsdecod, dsterm, dsstdtc
FROM   ds
WHERE  regexp_matches(upper(trim(dsdecod)), '^(OTHER([ ,:(-].*)?|DISCONTINUED|EARLY TERMINATION|DISCONTINUATION)$')
AND    (blank(dsterm) OR upper(trim(dsterm)) = upper(trim(dsdecod)) OR regexp_matches(upper(trim(dsterm)), '^(OTHER|DISCONTINUED|SPECIFY)\W*$'))
