/*
title:    Medication dose without a frequency
severity: minor
action:   query
message:  Medication {cmtrt} from {cmstdtc}: the dose is {dose} {cmdosu}, but the frequency is missing. Please enter how often it was taken.
field:    cmdosfrq
optional: cm.cmspid, cm.cmstdtc, cm.cmdstxt, cm.cmdose, cm.cmdosu

A medication without a dose is not reported, and one repeated at several visits under its own number is reported once. Left to IT005 where
the study's specification requires the field.
*/
SELECT record_key, siteid, subjid, visit, cmspid, cmtrt, cmstdtc, coalesce(nullif(trim(cmdstxt), ''), CAST(cmdose AS VARCHAR)) AS dose, cmdosu, cmdosfrq
FROM   cm
WHERE  NOT blank(cmtrt)
AND    blank(cmdosfrq)
AND    NOT blank(coalesce(nullif(trim(cmdstxt), ''), CAST(cmdose AS VARCHAR)))
AND    NOT unknown_text(coalesce(cmdstxt, ''))
AND    NOT EXISTS (SELECT 1 FROM fields WHERE domain = 'cm' AND field = 'cmdosfrq' AND required = 'Y')
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(cmtrt)), event_key(record_key, cmspid) ORDER BY record_key) = 1
