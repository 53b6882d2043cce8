/*
title:    Subject died but no adverse event is fatal
severity: critical
action:   query
message:  Subject {subjid}: the date of death is {death_date}, but no adverse event has a fatal outcome. Please enter the event that caused
          death, or correct the outcome of the event.
field:    ae.aeout
optional: ae.aesdth, ae.aetoxgr

Fatal outcome, results in death and toxicity grade 5 count. Where the protocol does not report deaths of a kind as adverse events
(progression of the disease, deaths after follow-up), confirm, or switch the check off.
*/
SELECT s.record_key, s.siteid, s.subjid, s.death_date, s.disposition
FROM   subjects AS s
WHERE  NOT blank(s.death_date)
AND    NOT EXISTS (SELECT 1 FROM ae AS a WHERE a.subjid = s.subjid AND (fatal_outcome(a.aeout) OR a.aesdth = 'Y' OR toxicity_grade(a.aetoxgr) = 5))
