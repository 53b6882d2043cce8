/*
title:    Indication of a medication is missing
severity: minor
action:   query
message:  Medication {cmtrt} from {cmstdtc}: the indication is missing. Please enter the indication, or the number of the adverse event or
          condition it was given for.
field:    cmindc
optional: cm.cmspid, cm.cmstdtc, cm.cmaeno, cm.cmmhno

A number of an adverse event or of a condition in the history counts as an answer. A medication repeated at several visits under its own
number is reported once. Where no medication of the study has an indication, one finding stands for all. Where the form asks for an
indication of some medications only, switch the check off. Left to IT005 where the study's specification requires the field.
*/
SELECT record_key, siteid, subjid, visit, cmspid, cmtrt, cmstdtc, cmindc
FROM   cm
WHERE  NOT blank(cmtrt)
AND    blank(cmindc)
AND    blank(cmaeno)
AND    blank(cmmhno)
AND    (EXISTS (SELECT 1 FROM cm WHERE NOT blank(cmindc)) OR record_key = (SELECT min(record_key) FROM cm WHERE NOT blank(cmtrt)))
AND    NOT EXISTS (SELECT 1 FROM fields WHERE domain = 'cm' AND field = 'cmindc' AND required = 'Y')
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(cmtrt)), event_key(record_key, cmspid) ORDER BY record_key) = 1
