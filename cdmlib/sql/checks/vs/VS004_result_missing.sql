/*
title:    Vital sign result is missing
severity: minor
action:   query
message:  Vital signs {visit}, {vsdtc}: the result of {test} is missing. Please enter the result, or mark the measurement as not done.
field:    vsorres
optional: vs.vstest, vs.vsperf, vs.vsstat, vs.vsreasnd

Reported where the measurement has a date or is answered as performed. A row without either, such as height at a visit where it is not
planned, is not reported: it does not catch a measurement of which nothing was entered.
*/
SELECT record_key, siteid, subjid, visit, vsdtc, coalesce(nullif(trim(vstest), ''), vstestcd) AS test, vsorres, vsperf, vsstat, vsreasnd
FROM   vs
WHERE  blank(vsorres)
AND    (NOT blank(vsdtc) OR vsperf = 'Y')
AND    vsperf IS DISTINCT FROM 'N'
AND    upper(trim(vsstat)) IS DISTINCT FROM 'NOT DONE'
AND    blank(vsreasnd)
