/*
title:    Adverse event has neither an end date nor ongoing
severity: minor
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the end date is missing and ongoing is {aeongo}. Please enter the end date, or answer
          ongoing with yes.
field:    aeendtc, aeongo
optional: ae.aeendat

An end date given as not known is an answer, and one that can't be read is left to IT001.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aeendat, aeendtc, aeongo
FROM   ae
WHERE  NOT blank(aeterm)
AND    blank(aeendtc)
AND    blank(aeendat)
AND    aeongo IS DISTINCT FROM 'Y'
