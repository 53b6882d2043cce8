/*
title:    Visit has a date although it did not take place
severity: major
action:   query
message:  Visit {visit}: it is answered as not held, but its date is {svstdtc}. Please correct the answer or remove the date.
field:    svoccur, svstdtc
*/
SELECT record_key, siteid, subjid, visit, svoccur, svstdtc
FROM   sv
WHERE  yes_no(svoccur) = 'N'
AND    NOT blank(svstdtc)
