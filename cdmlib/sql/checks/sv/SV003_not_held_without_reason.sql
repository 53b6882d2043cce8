/*
title:    Visit did not take place and no reason is given
severity: minor
action:   query
message:  Visit {visit}: it is answered as not held, but the reason is {svreasnd}. Please enter the reason.
field:    svreasnd
*/
SELECT record_key, siteid, subjid, visit, svoccur, svreasnd
FROM   sv
WHERE  yes_no(svoccur) = 'N'
AND    blank(svreasnd)
