/*
title:    Indication of a procedure is missing
severity: minor
action:   query
message:  Procedure {prtrt} on {prstdtc}: the indication is missing. Please enter the indication, or the number of the adverse event it was
          done for.
field:    prindc
optional: pr.prstdtc, pr.praeno

A number of an adverse event counts as an answer. Where no procedure of the study has an indication, one finding stands for all. Left to
IT005 where the study's specification requires the field.
*/
SELECT record_key, siteid, subjid, visit, prtrt, prstdtc, prindc
FROM   pr
WHERE  NOT blank(prtrt)
AND    blank(prindc)
AND    blank(praeno)
AND    (EXISTS (SELECT 1 FROM pr WHERE NOT blank(prindc)) OR record_key = (SELECT min(record_key) FROM pr WHERE NOT blank(prtrt)))
AND    NOT EXISTS (SELECT 1 FROM fields WHERE domain = 'pr' AND field = 'prindc' AND required = 'Y')
