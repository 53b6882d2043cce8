/*
title:    Laboratory result within its range is called clinically significant
severity: minor
action:   query
message:  Laboratory {visit}, {lbdtc}: {test} is {lborres}, within the reference range {lbornrlo} to {lbornrhi}, but assessed as clinically significant. Please
          correct the result or the assessment, or confirm both.
field:    lbclsig, lborres
optional: lb.lbtest

Both limits must be known; the limits themselves are within the range.
*/
SELECT record_key, siteid, subjid, visit, lbdtc, coalesce(nullif(trim(lbtest), ''), lbtestcd) AS test, lborres, lbornrlo, lbornrhi, lbclsig
FROM   lb
WHERE  yes_no(lbclsig) = 'Y'
AND    lborresn BETWEEN lbornrlo AND lbornrhi
