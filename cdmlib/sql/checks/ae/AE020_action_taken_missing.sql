/*
title:    Action taken with study treatment is missing
severity: minor
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: action taken with study treatment is missing. Please enter it; not applicable is an
          answer.
field:    aeacn

Where no event of the study has an action, one finding stands for all: then the field may not be collected after all. Left to IT005 where
the study's specification requires the field.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aeacn
FROM   ae
WHERE  NOT blank(aeterm)
AND    blank(aeacn)
AND    (EXISTS (SELECT 1 FROM ae WHERE NOT blank(aeacn)) OR record_key = (SELECT min(record_key) FROM ae WHERE NOT blank(aeterm)))
AND    NOT EXISTS (SELECT 1 FROM fields WHERE domain = 'ae' AND field = 'aeacn' AND required = 'Y')
