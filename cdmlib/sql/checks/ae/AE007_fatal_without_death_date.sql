/*
title:    Fatal adverse event but no date of death
severity: critical
action:   query
message:  Adverse event {aeterm}: outcome is {aeout} and results in death is {aesdth}, but no date of death is recorded for the subject. Please
          enter the date of death, or correct the event.
optional: ae.aesdth, ae.aeendtc

The date of death may come from demographics or disposition. It does not read toxicity grade 5.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aeterm, a.aeout, a.aesdth, a.aeendtc, s.death_date
FROM   ae AS a
LEFT JOIN subjects AS s ON s.subjid = a.subjid
WHERE  (fatal_outcome(a.aeout) OR a.aesdth = 'Y')
AND    blank(s.death_date)
