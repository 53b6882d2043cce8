/*
title:    Route of a medication is missing
severity: minor
action:   query
message:  Medication {cmtrt} from {cmstdtc}: the route is missing. Please enter the route; not known is an answer.
field:    cmroute
optional: cm.cmspid, cm.cmstdtc

Drugs are coded by route. A medication repeated at several visits under its own number is reported once. Where no medication of the study
has a route, one finding stands for all. Left to IT005 where the study's specification requires the field.
*/
SELECT record_key, siteid, subjid, visit, cmspid, cmtrt, cmstdtc, cmroute
FROM   cm
WHERE  NOT blank(cmtrt)
AND    blank(cmroute)
AND    (EXISTS (SELECT 1 FROM cm WHERE NOT blank(cmroute)) OR record_key = (SELECT min(record_key) FROM cm WHERE NOT blank(cmtrt)))
AND    NOT EXISTS (SELECT 1 FROM fields WHERE domain = 'cm' AND field = 'cmroute' AND required = 'Y')
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(cmtrt)), event_key(record_key, cmspid) ORDER BY record_key) = 1
