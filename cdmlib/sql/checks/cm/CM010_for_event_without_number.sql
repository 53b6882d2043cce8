/*
title:    Medication given for an adverse event without its number
severity: minor
action:   query
message:  Medication {cmtrt} from {cmstdtc}: the indication is {cmindc}, but the number of the adverse event is missing. Please enter the
          number of the event.
field:    cmaeno, cmindc
optional: cm.cmstdtc, cm.cmmhno, ae

Reported when the indication says adverse event, or is the term of an adverse event of the subject, in any case of letters. A medication
with the number of a condition in the history is left out, and so is one that started before the event.
*/
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.cmtrt, c.cmstdtc, c.cmindc, c.cmaeno
FROM   cm AS c
WHERE  NOT blank(c.cmtrt)
AND    NOT blank(c.cmindc)
AND    blank(c.cmaeno)
AND    blank(c.cmmhno)
AND    (regexp_matches(upper(c.cmindc), '\bADVERSE EVENT|^AES?$')
        OR EXISTS (
            SELECT 1
            FROM   ae AS a
            WHERE  a.subjid = c.subjid
            AND    upper(trim(a.aeterm)) = upper(trim(c.cmindc))
            AND    iso_before(c.cmstdtc, a.aestdtc) IS DISTINCT FROM true
        ))
