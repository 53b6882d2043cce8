/*
title:    Medication starts before the condition it is given for
severity: minor
action:   query
message:  Medication {cmtrt}: start date {cmstdtc} is before {mhstdtc}, the start of the condition {mhterm} it is given for. Please correct
          one of the dates, or the number of the condition.
field:    cmstdtc, cmmhno, mh.mhstdtc
optional: subjects.consent_date

By the number of the condition; a text with several numbers is left out. Partial dates are compared only as far as both are known. A
condition that starts after consent is left to MH001.
*/
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.cmtrt, c.cmstdtc, c.cmmhno, m.record_key AS mh_record_key, m.mhterm, m.mhstdtc
FROM   cm AS c
JOIN   mh AS m ON m.subjid = c.subjid AND number_key(m.mhspid) = number_key(c.cmmhno)
LEFT JOIN subjects AS s ON s.subjid = c.subjid
WHERE  NOT blank(c.cmtrt)
AND    iso_before(c.cmstdtc, m.mhstdtc)
AND    iso_after(m.mhstdtc, s.consent_date) IS DISTINCT FROM true
QUALIFY row_number() OVER (PARTITION BY c.record_key ORDER BY m.record_key) = 1
