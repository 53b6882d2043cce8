/*
title:    Outcome of an adverse event is missing
severity: major
action:   query
message:  Adverse event {aeterm} from {aestdtc} to {aeendtc}: the outcome is missing. Please enter the outcome.
field:    aeout
optional: ae.aeendtc, ae.aespid

An event repeated at several visits under its own number needs an outcome on one of its records. Where no event of the study has an outcome,
one finding stands for all. Left to IT005 where the study's specification requires the field.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aespid, a.aeterm, a.aestdtc, a.aeendtc, a.aeout
FROM   ae AS a
WHERE  NOT blank(a.aeterm)
AND    blank(a.aeout)
AND    NOT EXISTS (
           SELECT 1
           FROM   ae AS o
           WHERE  o.subjid = a.subjid AND NOT blank(o.aeout) AND event_key(o.record_key, o.aespid) = event_key(a.record_key, a.aespid)
       )
AND    (EXISTS (SELECT 1 FROM ae WHERE NOT blank(aeout)) OR a.record_key = (SELECT min(record_key) FROM ae WHERE NOT blank(aeterm)))
AND    NOT EXISTS (SELECT 1 FROM fields WHERE domain = 'ae' AND field = 'aeout' AND required = 'Y')
