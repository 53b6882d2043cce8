/*
title:    Not all criteria are met, but none is named
severity: major
action:   query
message:  Eligibility: all criteria met is answered {ieyn}, but no criterion is named. Please enter the criterion that is not met.
field:    ietestcd
optional: ie.ietest
*/
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.ieyn, i.ietestcd
FROM   ie AS i
WHERE  yes_no(i.ieyn) = 'N'
AND    NOT EXISTS (SELECT 1 FROM ie AS o WHERE o.subjid = i.subjid AND (NOT blank(o.ietestcd) OR NOT blank(o.ietest)))
QUALIFY row_number() OVER (PARTITION BY i.subjid ORDER BY i.record_key) = 1
