/*
title:    Procedure has no date
severity: minor
action:   query
message:  Procedure {prtrt}, indication {prindc}: the date is missing. Please enter the date as far as it is known; not known is an answer.
field:    prstdtc
optional: pr.prstdat, pr.prindc

A date given as not known is an answer, and one that can't be read is left to IT001. Left to IT005 where the study's specification requires
the field.
*/
SELECT record_key, siteid, subjid, visit, prtrt, prindc, prstdat, prstdtc
FROM   pr
WHERE  NOT blank(prtrt)
AND    blank(prstdtc)
AND    blank(prstdat)
AND    NOT EXISTS (SELECT 1 FROM fields WHERE domain = 'pr' AND field IN ('prstdat', 'prstdtc') AND required = 'Y')
