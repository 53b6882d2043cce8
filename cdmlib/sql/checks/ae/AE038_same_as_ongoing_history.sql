/*
title:    Adverse event has the term of an ongoing condition
severity: minor
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the medical history has the same condition as ongoing since {mhstdtc}. Please enter the
          event as a worsening of the condition, or correct the medical history.
field:    aeterm, mh.mhongo
optional: mh.mhstdtc

The same words in both, in any case of letters. A recurrence of a condition that comes and goes has to be confirmed. It does not catch the
same condition in other words; coded terms would, but then worsening events are reported as well.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aeterm, a.aestdtc, m.record_key AS mh_record_key, m.mhstdtc, m.mhongo
FROM   ae AS a
JOIN   mh AS m ON m.subjid = a.subjid AND upper(trim(m.mhterm)) = upper(trim(a.aeterm))
WHERE  NOT blank(a.aeterm)
AND    m.mhongo = 'Y'
QUALIFY row_number() OVER (PARTITION BY a.record_key ORDER BY m.mhstdtc NULLS LAST, m.record_key) = 1
