/*
title:    Toxicity grade of an adverse event is missing
severity: major
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the toxicity grade is {aetoxgr}. Please enter the grade.
field:    aetoxgr
optional: ae.aesev

For studies that grade events by toxicity: a severity in words counts as an answer. Where no event of the study has a grade, one finding
stands for all unless severities are entered. Left to IT005 where the study's specification requires the field.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aetoxgr, aesev
FROM   ae
WHERE  NOT blank(aeterm)
AND    blank(aetoxgr)
AND    blank(aesev)
AND    (EXISTS (SELECT 1 FROM ae WHERE NOT blank(aetoxgr))
        OR (record_key = (SELECT min(record_key) FROM ae WHERE NOT blank(aeterm)) AND NOT EXISTS (SELECT 1 FROM ae WHERE NOT blank(aesev))))
AND    NOT EXISTS (SELECT 1 FROM fields WHERE domain = 'ae' AND field = 'aetoxgr' AND required = 'Y')
