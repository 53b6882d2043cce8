/*
title:    Procedure before birth or after death
severity: major
action:   query
message:  Procedure {prtrt}: date {prstdtc} is before the birth date {birth_date} or after the date of death {death_date}. Please correct
          one of the dates.
field:    prstdtc
optional: subjects.birth_date, subjects.death_date

Partial dates are compared only as far as both are known. A post-mortem examination is accepted.
*/
SELECT p.record_key, p.siteid, p.subjid, p.visit, p.prtrt, p.prstdtc, s.birth_date, s.death_date
FROM   pr AS p
JOIN   subjects AS s ON s.subjid = p.subjid
WHERE  (iso_before(p.prstdtc, s.birth_date) OR iso_after(p.prstdtc, s.death_date))
AND    NOT regexp_matches(upper(coalesce(p.prtrt, '')), 'AUTOPSY|POST[- ]?MORTEM|NECROPSY')
