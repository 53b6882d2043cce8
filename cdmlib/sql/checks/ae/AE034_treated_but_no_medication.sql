/*
title:    Adverse event was treated but no medication refers to it
severity: major
action:   query
message:  Adverse event {aeterm}, number {aespid}, started {aestdtc}: treatment given is answered yes, but no medication or procedure is
          entered for it. Please enter the treatment with the number of the event, or correct the answer.
field:    aecontrt, cm.cmaeno
optional: ae.aespid, cm.cmindc, cm.cmaeno, pr, pr.praeno, pr.prindc

A medication or procedure counts when it gives the number of the event, alone or among others, or the term of the event as its indication.
Treatment without any of them (bed rest, compression) has to be confirmed.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aespid, a.aeterm, a.aestdtc, a.aecontrt
FROM   ae AS a
WHERE  a.aecontrt = 'Y'
AND    NOT blank(a.aeterm)
AND    NOT EXISTS (
           SELECT 1 FROM cm AS c
           WHERE  c.subjid = a.subjid AND (names_number(c.cmaeno, a.aespid) OR upper(trim(c.cmindc)) = upper(trim(a.aeterm)))
       )
AND    NOT EXISTS (
           SELECT 1 FROM pr AS p
           WHERE  p.subjid = a.subjid AND (names_number(p.praeno, a.aespid) OR upper(trim(p.prindc)) = upper(trim(a.aeterm)))
       )
