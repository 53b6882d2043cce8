/*
title:    Medication name is missing
severity: major
action:   query
message:  Concomitant medications: no medication is entered, although start date is {cmstdtc}, indication {cmindc} and dose {dose}. Please
          enter the medication, or remove the record if there was none.
field:    cmtrt
optional: cm.cmyn, cm.cmindc, cm.cmstdat, cm.cmstdtc, cm.cmendat, cm.cmendtc, cm.cmdstxt, cm.cmdose, cm.cmdosu, cm.cmdosfrq, cm.cmroute

Reported when the page says that there were medications, or when anything else of the medication is entered. A page that says there were
none is not reported, nor is a row that is empty throughout.
*/
SELECT record_key, siteid, subjid, visit, cmyn, cmindc, coalesce(cmdstxt, CAST(cmdose AS VARCHAR)) AS dose, cmstdtc, cmendtc
FROM   cm
WHERE  blank(cmtrt)
AND    (cmyn = 'Y'
        OR (cmyn IS DISTINCT FROM 'N'
            AND NOT blank(concat_ws('', cmindc, cmstdat, cmstdtc, cmendat, cmendtc, cmdstxt, CAST(cmdose AS VARCHAR), cmdosu, cmdosfrq, cmroute))))
