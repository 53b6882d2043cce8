/*
title:    Concomitant medications
optional: subjects, cm.cmspid, cm.cmdecod, cm.cmclas, cm.cmindc, cm.cmaeno, cm.cmmhno, cm.cmdstxt, cm.cmdose, cm.cmdosu, cm.cmdosfrq, cm.cmroute,
          cm.cmstdtc, cm.cmendtc, cm.cmongo

One line per record of a medication; a page that says there were none has no line.
*/
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.cmspid, c.cmtrt, c.cmdecod, c.cmclas, c.cmindc, c.cmaeno, c.cmmhno,
       coalesce(c.cmdstxt, CAST(c.cmdose AS VARCHAR)) AS dose, c.cmdosu, c.cmdosfrq, c.cmroute, c.cmstdtc, c.cmendtc, c.cmongo, s.consent_date, s.first_dose, s.last_dose
FROM   cm AS c
LEFT JOIN subjects AS s ON s.subjid = c.subjid
WHERE  NOT blank(c.cmtrt) OR NOT blank(c.cmstdtc)
ORDER BY c.siteid, c.subjid, c.cmstdtc NULLS LAST, c.record_key
