/*
title:    Vital sign has a result although not performed
severity: minor
action:   query
message:  Vital signs {visit}, {vsdtc}: the question whether they were measured is answered no, but the result of {test} is {vsorres}. Please correct
          the answer, or remove the result.
field:    vsperf, vsorres
optional: vs.vstest
*/
SELECT record_key, siteid, subjid, visit, vsdtc, coalesce(nullif(trim(vstest), ''), vstestcd) AS test, vsorres, vsperf
FROM   vs
WHERE  vsperf = 'N'
AND    NOT blank(vsorres)
AND    NOT unknown_text(vsorres)
