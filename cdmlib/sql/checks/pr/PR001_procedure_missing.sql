/*
title:    Procedure name is missing
severity: minor
action:   query
message:  Procedures: no procedure is entered, although start date is {prstdtc} and indication {prindc}. Please enter the procedure, or
          remove the record if there was none.
field:    prtrt
optional: pr.pryn, pr.prstdat, pr.prstdtc, pr.prendat, pr.prendtc, pr.prindc, pr.praeno

Reported when the page says that there were procedures, or when anything else of the procedure is entered.
*/
SELECT record_key, siteid, subjid, visit, pryn, prstdtc, prindc
FROM   pr
WHERE  blank(prtrt)
AND    (pryn = 'Y' OR (pryn IS DISTINCT FROM 'N' AND NOT blank(concat_ws('', prstdat, prstdtc, prendat, prendtc, prindc, praeno))))
