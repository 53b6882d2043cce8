/*
title:    Medication given for a condition that is not in the medical history
severity: minor
action:   query
message:  Medication {cmtrt}: it was given for condition number {cmmhno}, but the medical history of the subject has no condition with that
          number. Please correct the number, or enter the condition.
field:    cmmhno
optional: mh.mhspid

Numbers are compared without leading zeros. A text with several numbers is left out.
*/
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.cmtrt, c.cmmhno
FROM   cm AS c
WHERE  regexp_matches(trim(c.cmmhno), '^[A-Za-z]*[0-9]+$')
AND    NOT EXISTS (SELECT 1 FROM mh AS m WHERE m.subjid = c.subjid AND number_key(m.mhspid) = number_key(c.cmmhno))
