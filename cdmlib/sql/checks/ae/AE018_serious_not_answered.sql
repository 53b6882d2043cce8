/*
title:    Serious is not answered
severity: critical
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the question whether the event is serious is not answered; the outcome is {aeout}.
          Please answer it.
field:    aeser
optional: ae.aeout, ae.aesdth, ae.aeslife, ae.aeshosp, ae.aesdisab, ae.aescong, ae.aesmie

An event with a criterion of seriousness is left to AE008. Left to IT005 where the study's specification requires the field. Any text counts
as an answer, also one outside the code list (IT004).
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aeser, aeout
FROM   ae
WHERE  NOT blank(aeterm)
AND    blank(aeser)
AND    'Y' NOT IN (coalesce(aesdth, ''), coalesce(aeslife, ''), coalesce(aeshosp, ''), coalesce(aesdisab, ''), coalesce(aescong, ''), coalesce(aesmie, ''))
AND    NOT EXISTS (SELECT 1 FROM fields WHERE domain = 'ae' AND field = 'aeser' AND required = 'Y')
