/*
title:    Adverse events
optional: subjects, ae.aespid, ae.aedecod, ae.aebodsys, ae.aeendtc, ae.aeongo, ae.aesev, ae.aetoxgr, ae.aeser, ae.aerel, ae.aeacn, ae.aeacnoth,
          ae.aecontrt, ae.aeout

One line per record of an event; a page that says there were none has no line. Study days count from the first dose, which is day 1.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aespid, a.aeterm, a.aedecod, a.aebodsys, a.aestdtc, study_day(a.aestdtc, s.first_dose) AS start_day,
       a.aeendtc, study_day(a.aeendtc, s.first_dose) AS end_day, a.aeongo, a.aesev, a.aetoxgr, a.aeser, a.aerel, a.aeacn, a.aeacnoth, a.aecontrt,
       a.aeout, s.arm, s.first_dose, s.last_dose, s.status
FROM   ae AS a
LEFT JOIN subjects AS s ON s.subjid = a.subjid
WHERE  NOT blank(a.aeterm) OR NOT blank(a.aestdtc)
ORDER BY a.siteid, a.subjid, a.aestdtc NULLS LAST, a.record_key
