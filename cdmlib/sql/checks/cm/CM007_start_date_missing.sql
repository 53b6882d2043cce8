/*
title:    Medication has no start date
severity: minor
action:   query
message:  Medication {cmtrt}, indication {cmindc}: the start date is missing. Please enter the start date as far as it is known; not known
          is an answer.
field:    cmstdat, cmstdtc
optional: cm.cmspid, cm.cmstdat, cm.cmindc

A start date given as not known is an answer, and one that can't be read is left to IT001. A medication repeated at several visits under its
own number is reported once. Left to IT005 where the study's specification requires the field.
*/
SELECT record_key, siteid, subjid, visit, cmspid, cmtrt, cmindc, cmstdat, cmstdtc
FROM   cm
WHERE  NOT blank(cmtrt)
AND    blank(cmstdtc)
AND    blank(cmstdat)
AND    NOT EXISTS (SELECT 1 FROM fields WHERE domain = 'cm' AND field IN ('cmstdat', 'cmstdtc') AND required = 'Y')
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(cmtrt)), event_key(record_key, cmspid) ORDER BY record_key) = 1
