/*
title:    Visit took place but its date is missing
severity: major
action:   query
message:  Visit {visit}: it took place, but its date is {svstdat}. Please enter the date of the visit.
field:    svstdtc
optional: sv.svoccur, sv.svstdat, sv.svreasnd

A visit that is answered as not held, or has a reason for it, is left out. A date that can't be read is left to IT001.
*/
SELECT record_key, siteid, subjid, visit, svoccur, svstdat, svstdtc
FROM   sv
WHERE  blank(svstdtc)
AND    (blank(svstdat) OR unknown_text(svstdat))
AND    (yes_no(svoccur) = 'Y' OR (blank(svoccur) AND blank(svreasnd) AND NOT blank(visit)))
