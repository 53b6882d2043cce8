/*
title:    Congenital anomaly answered yes without a pregnancy
severity: minor
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: congenital anomaly is answered yes, which is for a child of a treated parent. Please
          correct the answer, or confirm it.
field:    aescong

A frequent slip among the criteria of seriousness. An event whose term speaks of a birth, a pregnancy, a foetus or a congenital condition is
accepted.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aescong
FROM   ae
WHERE  aescong = 'Y'
AND    NOT regexp_matches(upper(coalesce(aeterm, '')), 'CONGENITAL|FOETAL|FETAL|FOETUS|FETUS|NEONAT|NEWBORN|BIRTH|PREGNAN|ANOMALY|MALFORMATION')
