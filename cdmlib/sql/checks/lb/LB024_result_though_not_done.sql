/*
title:    Laboratory test has a result although marked as not done
severity: minor
action:   query
message:  Laboratory {visit}, {lbdtc}: {test} is marked as not done, but the result is {lborres}. Please remove the mark or the result.
field:    lborres, lbstat
optional: lb.lbtest, lb.lbreasnd
*/
SELECT record_key, siteid, subjid, visit, lbdtc, coalesce(nullif(trim(lbtest), ''), lbtestcd) AS test, lborres, lbstat, lbreasnd
FROM   lb
WHERE  upper(trim(lbstat)) = 'NOT DONE'
AND    NOT blank(lborres)
AND    NOT unknown_text(lborres)
