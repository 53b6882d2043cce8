/*
title:    Vital sign without a unit
severity: minor
action:   query
message:  Vital signs {visit}, {vsdtc}: {test} is {vsorres} without a unit. Please enter the unit.
field:    vsorresu, vsorres
optional: vs.vstest

Reported where more than half of the numeric results of the test have a unit.
*/
WITH with_unit AS (
    SELECT upper(trim(vstestcd)) AS testcd
    FROM   vs
    WHERE  vsorresn IS NOT NULL
    GROUP BY upper(trim(vstestcd))
    HAVING count(nullif(trim(vsorresu), '')) > 0.5 * count(*) AND count(nullif(trim(vsorresu), '')) < count(*)
)
SELECT v.record_key, v.siteid, v.subjid, v.visit, v.vsdtc, coalesce(nullif(trim(v.vstest), ''), v.vstestcd) AS test, v.vsorres, v.vsorresu
FROM   vs AS v
JOIN   with_unit AS u ON u.testcd = upper(trim(v.vstestcd))
WHERE  v.vsorresn IS NOT NULL
AND    blank(v.vsorresu)
