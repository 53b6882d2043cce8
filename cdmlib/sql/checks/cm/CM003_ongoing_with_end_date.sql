/*
title:    Medication is ongoing but has an end date
severity: minor
action:   query
message:  Medication {cmtrt}: ongoing is answered yes, but the end date is {cmendtc}. Please remove the end date, or correct ongoing.
field:    cmendtc, cmongo
optional: cm.cmstdtc
*/
SELECT record_key, siteid, subjid, visit, cmtrt, cmstdtc, cmongo, cmendtc
FROM   cm
WHERE  cmongo = 'Y'
AND    NOT blank(cmendtc)
