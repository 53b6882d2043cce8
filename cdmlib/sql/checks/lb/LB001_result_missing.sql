/*
title:    Laboratory result is missing without a reason
severity: minor
action:   query
message:  Laboratory {visit}, {lbdtc}: the result of {test} is missing. Please enter the result, or mark the test as not done with the reason.
field:    lborres
optional: lb.lbtest, lb.lbperf, lb.lbstat, lb.lbreasnd

Reported where the sample has a date or the test is answered as performed. It does not catch a test of which no record exists.
*/
SELECT record_key, siteid, subjid, visit, lbdtc, coalesce(nullif(trim(lbtest), ''), lbtestcd) AS test, lborres, lbperf, lbstat, lbreasnd
FROM   lb
WHERE  blank(lborres)
AND    (NOT blank(lbdtc) OR lbperf = 'Y')
AND    lbperf IS DISTINCT FROM 'N'
AND    upper(trim(lbstat)) IS DISTINCT FROM 'NOT DONE'
AND    blank(lbreasnd)
