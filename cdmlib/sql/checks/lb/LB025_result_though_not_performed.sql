/*
title:    Laboratory test has a result although not performed
severity: minor
action:   query
message:  Laboratory {visit}, {lbdtc}: the question whether the sample was taken is answered no, but the result of {test} is {lborres}. Please correct the answer, or remove the
          result.
field:    lbperf, lborres
optional: lb.lbtest
*/
SELECT record_key, siteid, subjid, visit, lbdtc, coalesce(nullif(trim(lbtest), ''), lbtestcd) AS test, lborres, lbperf
FROM   lb
WHERE  yes_no(lbperf) = 'N'
AND    NOT blank(lborres)
AND    NOT unknown_text(lborres)
