/*
title:    Fatal adverse event does not end on the date of death
severity: major
action:   query
message:  Adverse event {aeterm}: the outcome is {aeout} and the end date {aeendtc}, but the date of death is {death_date}. Please correct
          one of the dates.
field:    aeendtc, dthdtc

The end of a fatal event is the death. An end after death is left to AE022, an end that is missing to AE006 and AE024. Partial dates are
compared only as far as both are known.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aeterm, a.aestdtc, a.aeendtc, a.aeout, s.death_date
FROM   ae AS a
JOIN   subjects AS s ON s.subjid = a.subjid
WHERE  fatal_outcome(a.aeout)
AND    iso_before(a.aeendtc, s.death_date)
