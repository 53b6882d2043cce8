/*
title:    Eligibility page without the answer whether all criteria are met
severity: major
action:   query
message:  Eligibility: whether all criteria are met is {ieyn}. Please answer the question.
field:    ieyn
optional: ie.iedtc, ie.ietestcd, ie.ieorres

Reported once for each page, and only where no record of the subject and visit has the answer. A page that is empty throughout is not reported: see SU013.
*/
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.ieyn, i.iedtc
FROM   ie AS i
WHERE  blank(i.ieyn)
AND    (NOT blank(i.iedtc) OR NOT blank(i.ietestcd) OR NOT blank(i.ieorres))
AND    NOT EXISTS (SELECT 1 FROM ie AS o WHERE o.subjid = i.subjid AND o.visit IS NOT DISTINCT FROM i.visit AND NOT blank(o.ieyn))
AND    EXISTS (SELECT 1 FROM ie AS o WHERE NOT blank(o.ieyn))
QUALIFY row_number() OVER (PARTITION BY i.subjid, i.visit ORDER BY i.record_key) = 1
