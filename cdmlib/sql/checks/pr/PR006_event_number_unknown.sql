/*
title:    Procedure for an adverse event that is not entered
severity: major
action:   query
message:  Procedure {prtrt} on {prstdtc}: it was done for adverse event number {praeno}, but the subject has no adverse event with that
          number. Please correct the number, or enter the adverse event.
field:    praeno
optional: pr.prstdtc, ae.aespid

Numbers are compared without leading zeros. A text with several numbers is left out.
*/
SELECT p.record_key, p.siteid, p.subjid, p.visit, p.prtrt, p.prstdtc, p.praeno
FROM   pr AS p
WHERE  regexp_matches(trim(p.praeno), '^[A-Za-z]*[0-9]+$')
AND    NOT EXISTS (SELECT 1 FROM ae AS a WHERE a.subjid = p.subjid AND number_key(a.aespid) = number_key(p.praeno))
