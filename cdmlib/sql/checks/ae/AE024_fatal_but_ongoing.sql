/*
title:    Fatal adverse event is marked as ongoing
severity: major
action:   query
message:  Adverse event {aeterm}: the outcome is {aeout}, but ongoing is answered yes. Please correct ongoing and enter the date of death as
          end date, or correct the outcome.
field:    aeongo, aeendtc, aeout
optional: ae.aeendtc

An event that has an end date as well is left to AE005. It does not judge other events that were ongoing when the subject died.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aeendtc, aeongo, aeout
FROM   ae
WHERE  fatal_outcome(aeout)
AND    aeongo = 'Y'
AND    blank(aeendtc)
