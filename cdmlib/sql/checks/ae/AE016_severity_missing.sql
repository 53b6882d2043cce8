/*
title:    Severity of an adverse event is missing
severity: major
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the severity is {aesev}. Please enter the severity.
field:    aesev
optional: ae.aetoxgr

A toxicity grade counts as an answer. Where no event of the study has a severity, one finding stands for all. Left to IT005 where the
study's specification requires the field.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aesev, aetoxgr
FROM   ae
WHERE  NOT blank(aeterm)
AND    blank(aesev)
AND    blank(aetoxgr)
AND    (EXISTS (SELECT 1 FROM ae WHERE NOT blank(aesev)) OR record_key = (SELECT min(record_key) FROM ae WHERE NOT blank(aeterm)))
AND    NOT EXISTS (SELECT 1 FROM fields WHERE domain = 'ae' AND field = 'aesev' AND required = 'Y')
