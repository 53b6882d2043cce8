/*
title:    Adverse event is ongoing but has an end date
severity: major
action:   query
message:  Adverse event {aeterm}: ongoing is answered yes, but the end date is {aeendtc}. Please remove the end date, or correct ongoing.
field:    aeendtc, aeongo
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aeongo, aeendtc
FROM   ae
WHERE  aeongo = 'Y'
AND    NOT blank(aeendtc)
