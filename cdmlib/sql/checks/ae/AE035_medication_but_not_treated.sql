/*
title:    Medication given for an adverse event that was not treated
severity: minor
action:   query
message:  Adverse event {aeterm}, number {aespid}: treatment given is answered no, but the medication {cmtrt} from {cmstdtc} was given for
          it. Please correct the answer, or the number of the event at the medication.
field:    aecontrt, cm.cmaeno
optional: cm.cmstdtc

By the number of the event only, alone or among others. One finding for each event, on its first medication.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aespid, a.aeterm, a.aestdtc, a.aecontrt, c.record_key AS cm_record_key, c.cmtrt, c.cmstdtc
FROM   ae AS a
JOIN   cm AS c ON c.subjid = a.subjid
WHERE  a.aecontrt = 'N'
AND    NOT blank(a.aespid)
AND    NOT blank(c.cmtrt)
AND    names_number(c.cmaeno, a.aespid)
QUALIFY row_number() OVER (PARTITION BY a.record_key ORDER BY c.cmstdtc NULLS LAST, c.record_key) = 1
