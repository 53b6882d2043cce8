/*
title:    Medication given for an adverse event that is not entered
severity: major
action:   query
message:  Medication {cmtrt}: it was given for adverse event number {cmaeno}, but the subject has no adverse event with that number. Please
          correct the number, or enter the adverse event.

Numbers are compared without leading zeros. A text with several numbers is left out.
*/
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.cmtrt, c.cmaeno
FROM   cm AS c
WHERE  regexp_matches(trim(c.cmaeno), '^[A-Za-z]*[0-9]+$')
AND    NOT EXISTS (
           SELECT 1
           FROM   ae AS a
           WHERE  a.subjid = c.subjid
           AND    regexp_replace(upper(trim(a.aespid)), '^0+', '') = regexp_replace(upper(trim(c.cmaeno)), '^0+', '')
       )
