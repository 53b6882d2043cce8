/*
title:    Medication starts or ends after death
severity: major
action:   query
message:  Medication {cmtrt} from {cmstdtc} to {cmendtc}: one of the dates is after the date of death {death_date}. Please correct the
          dates.
field:    cmstdtc, cmendtc
optional: cm.cmendtc, cm.cmspid

Partial dates are compared only as far as both are known. A medication repeated at several visits under its own number is reported once.
*/
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.cmspid, c.cmtrt, c.cmstdtc, c.cmendtc, s.death_date
FROM   cm AS c
JOIN   subjects AS s ON s.subjid = c.subjid
WHERE  NOT blank(s.death_date)
AND    (iso_after(c.cmstdtc, s.death_date) OR iso_after(c.cmendtc, s.death_date))
QUALIFY row_number() OVER (PARTITION BY c.subjid, upper(trim(c.cmtrt)), event_key(c.record_key, c.cmspid) ORDER BY c.record_key) = 1
