/*
title:    Medication has neither an end date nor ongoing
severity: minor
action:   query
message:  Medication {cmtrt}, started {cmstdtc}: the end date is missing and ongoing is {cmongo}. Please enter the end date, or answer
          ongoing with yes.
field:    cmendtc, cmongo
optional: cm.cmendat, cm.cmstdtc, cm.cmdosfrq, cm.cmspid

An end date given as not known is an answer, and one that can't be read is left to IT001. A medication given once (frequency ONCE) needs no
end. A medication repeated at several visits under its own number is reported once.
*/
SELECT record_key, siteid, subjid, visit, cmspid, cmtrt, cmstdtc, cmendat, cmendtc, cmongo
FROM   cm
WHERE  NOT blank(cmtrt)
AND    blank(cmendtc)
AND    blank(cmendat)
AND    cmongo IS DISTINCT FROM 'Y'
AND    NOT regexp_matches(upper(coalesce(cmdosfrq, '')), '^(ONCE|SINGLE|1X|1 X|STAT)')
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(cmtrt)), event_key(record_key, cmspid) ORDER BY record_key) = 1
