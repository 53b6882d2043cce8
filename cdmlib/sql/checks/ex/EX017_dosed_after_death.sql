/*
title:    Dosing after death
severity: critical
action:   query
message:  Study treatment {extrt} from {exstdtc} to {exendtc}: the subject died on {death_date}. Please correct one of the dates.
field:    exendtc, exstdtc
optional: ex.exoccur, ex.exendtc

Start and end are compared, partial dates only as far as both are known. Doses answered as not taken are left out. Other data after death are found by SU002.
*/
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.extrt, e.exstdtc, e.exendtc, s.death_date
FROM   ex AS e
JOIN   subjects AS s ON s.subjid = e.subjid
WHERE  e.exoccur IS DISTINCT FROM 'N'
AND    (iso_after(e.exstdtc, s.death_date) OR iso_after(e.exendtc, s.death_date))
