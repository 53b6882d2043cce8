/*
title:    Causality of an adverse event is missing
severity: major
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the causality is missing; serious is {aeser}. Please enter the relationship to study
          treatment.
field:    aerel
optional: ae.aeser

Where no event of the study has a causality, one finding stands for all. Events before the first dose are reported too, as most forms ask
for `not related` there. Left to IT005 where the study's specification requires the field.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aeser, aerel
FROM   ae
WHERE  NOT blank(aeterm)
AND    blank(aerel)
AND    (EXISTS (SELECT 1 FROM ae WHERE NOT blank(aerel)) OR record_key = (SELECT min(record_key) FROM ae WHERE NOT blank(aeterm)))
AND    NOT EXISTS (SELECT 1 FROM fields WHERE domain = 'ae' AND field = 'aerel' AND required = 'Y')
