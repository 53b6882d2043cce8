/*
title:    Medical history has no condition
severity: minor
action:   query
message:  Medical history: no condition is entered, although start date is {mhstdtc}, end date {mhendtc} and ongoing {mhongo}. Please enter
          the condition, or remove the record if there was none.
field:    mhterm
optional: mh.mhyn, mh.mhstdat, mh.mhstdtc, mh.mhendat, mh.mhendtc, mh.mhongo, mh.mhsev

Reported when the page says that there was a history, or when anything else of a condition is entered. A page that says there was none is
not reported, nor is a row that is empty throughout.
*/
SELECT record_key, siteid, subjid, visit, mhyn, mhstdtc, mhendtc, mhongo
FROM   mh
WHERE  blank(mhterm)
AND    (mhyn = 'Y' OR (mhyn IS DISTINCT FROM 'N' AND NOT blank(concat_ws('', mhstdat, mhstdtc, mhendat, mhendtc, mhongo, mhsev))))
