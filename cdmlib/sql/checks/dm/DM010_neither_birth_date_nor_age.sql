/*
title:    Neither birth date nor age
severity: major
action:   query
message:  Demographics: birth date is {brthdtc} and age is {age}. Please enter the birth date, as far as it may be recorded.
field:    brthdtc, age
optional: dm.brthdat, dm.brthdtc, dm.age_raw, dm.rficdtc

A text that is entered but can't be read is left to IT001 and IT003. A page that is empty throughout is not reported.
*/
SELECT record_key, siteid, subjid, brthdtc, age
FROM   dm
WHERE  blank(brthdtc)
AND    blank(brthdat)
AND    age IS NULL
AND    blank(age_raw)
AND    (NOT blank(sex) OR NOT blank(rficdtc))
