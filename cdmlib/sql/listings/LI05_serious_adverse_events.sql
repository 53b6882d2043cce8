/*
title:    Serious adverse events
optional: subjects, ae.aespid, ae.aedecod, ae.aeendtc, ae.aeongo, ae.aesev, ae.aetoxgr, ae.aesdth, ae.aeslife, ae.aeshosp, ae.aesdisab,
          ae.aescong, ae.aesmie, ae.aerel, ae.aeacn, ae.aeout

Events answered as serious, and events that meet a criterion of seriousness without being answered so.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aespid, a.aeterm, a.aedecod, a.aestdtc, study_day(a.aestdtc, s.first_dose) AS start_day, a.aeendtc, a.aeongo,
       a.aesev, a.aetoxgr, a.aeser, a.aesdth, a.aeslife, a.aeshosp, a.aesdisab, a.aescong, a.aesmie, a.aerel, a.aeacn, a.aeout,
       s.first_dose, s.last_dose, s.death_date, s.status
FROM   ae AS a
LEFT JOIN subjects AS s ON s.subjid = a.subjid
WHERE  'Y' IN (coalesce(a.aeser, ''), coalesce(a.aesdth, ''), coalesce(a.aeslife, ''), coalesce(a.aeshosp, ''), coalesce(a.aesdisab, ''),
               coalesce(a.aescong, ''), coalesce(a.aesmie, ''))
ORDER BY a.siteid, a.subjid, a.aestdtc NULLS LAST, a.record_key
