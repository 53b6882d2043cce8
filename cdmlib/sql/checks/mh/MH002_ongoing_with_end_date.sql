/*
title:    Medical history is ongoing but has an end date
severity: minor
action:   query
message:  Medical history {mhterm}: ongoing is answered yes, but the end date is {mhendtc}. Please remove the end date, or correct ongoing.
field:    mhendtc, mhongo
optional: mh.mhstdtc
*/
SELECT record_key, siteid, subjid, visit, mhterm, mhstdtc, mhongo, mhendtc
FROM   mh
WHERE  mhongo = 'Y'
AND    NOT blank(mhendtc)
