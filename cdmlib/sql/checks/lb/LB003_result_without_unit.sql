/*
title:    Laboratory result without a unit
severity: minor
action:   query
message:  Laboratory {visit}, {lbdtc}: the result of {test} is {lborres} without a unit. Please enter the unit.
field:    lborresu, lborres
optional: lb.lbtest, lb.lbspec, lb.lbcat, lb.lborresn

Reported where most numeric results of the test have a unit, by test, specimen and category, so tests that have none (pH, ratios) are not.
*/
WITH written AS (  -- by the codes as they are written, so that they are put in capitals once each
    SELECT lbtestcd, lbspec, lbcat, count(*) AS results, count(CASE WHEN NOT blank(lborresu) THEN 1 END) AS units
    FROM   lb
    WHERE  CASE WHEN lborresn IS NOT NULL THEN true ELSE num(regexp_replace(trim(lborres), '^(<=|>=|[<>≤≥])\s*', '')) IS NOT NULL END
    GROUP BY lbtestcd, lbspec, lbcat
),
tests_with_unit AS (
    SELECT upper(trim(lbtestcd)) AS testcd, upper(coalesce(trim(lbspec), '')) AS specimen, upper(coalesce(trim(lbcat), '')) AS category
    FROM   written
    GROUP BY upper(trim(lbtestcd)), upper(coalesce(trim(lbspec), '')), upper(coalesce(trim(lbcat), ''))
    HAVING sum(units) > 0.5 * sum(results) AND sum(units) < sum(results)
)
SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd) AS test, l.lborres, l.lborresu
FROM   lb AS l
JOIN   tests_with_unit AS t
ON     t.testcd = upper(trim(l.lbtestcd)) AND t.specimen = upper(coalesce(trim(l.lbspec), '')) AND t.category = upper(coalesce(trim(l.lbcat), ''))
WHERE  blank(l.lborresu)
AND    CASE WHEN l.lborresn IS NOT NULL THEN true ELSE num(regexp_replace(trim(l.lborres), '^(<=|>=|[<>≤≥])\s*', '')) IS NOT NULL END
