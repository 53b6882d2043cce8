/*
title:    Medication dose without a unit
severity: minor
action:   query
message:  Medication {cmtrt}: the dose is {dose} without a unit. Please enter the unit of the dose.
field:    cmdosu, cmdose
optional: cm.cmdstxt

A dose text that names its unit (500 mg) or has no figure in it (unknown) is accepted.
*/
SELECT record_key, siteid, subjid, visit, cmtrt, coalesce(nullif(trim(cmdstxt), ''), CAST(cmdose AS VARCHAR)) AS dose, cmdosu
FROM   cm
WHERE  blank(cmdosu)
AND    regexp_matches(coalesce(nullif(trim(cmdstxt), ''), CAST(cmdose AS VARCHAR)), '^[^A-Za-z%µ]*[0-9][^A-Za-z%µ]*$')
