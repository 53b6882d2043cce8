/*
title:    Vital sign has a result although marked as not done
severity: minor
action:   query
message:  Vital signs {visit}, {vsdtc}: {test} is marked as not done, but the result is {vsorres}. Please remove the mark or the result.
field:    vsorres, vsstat
optional: vs.vstest, vs.vsreasnd
*/
SELECT record_key, siteid, subjid, visit, vsdtc, coalesce(nullif(trim(vstest), ''), vstestcd) AS test, vsorres, vsstat, vsreasnd
FROM   vs
WHERE  upper(trim(vsstat)) = 'NOT DONE'
AND    NOT blank(vsorres)
AND    NOT unknown_text(vsorres)
