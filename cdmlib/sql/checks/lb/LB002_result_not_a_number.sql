/*
title:    Laboratory result is not a number although the test gives numbers
severity: minor
action:   query
params:   percent = 80
message:  Laboratory {visit}, {lbdtc}: the result of {test} is {lborres}, but results of this test are numbers. Please correct the result.
optional: lb.lbtest, lb.lbspec, lb.lbcat, lb.lborresn

A test gives numbers when at least $percent percent of its results in the study are, by test, specimen and category. Results beyond the
limit of detection (<5, >= 100) and texts for not done or not known are accepted.
*/
WITH written AS (  -- by the codes as they are written, so that they are put in capitals once each
    SELECT lbtestcd, lbspec, lbcat,
           count(CASE WHEN lborresn IS NOT NULL THEN 1 WHEN blank(lborres) THEN NULL WHEN unknown_text(lborres) THEN NULL ELSE 1 END) AS results,
           count(CASE WHEN lborresn IS NOT NULL THEN 1 WHEN num(regexp_replace(trim(lborres), '^(<=|>=|[<>≤≥])\s*', '')) IS NOT NULL THEN 1 END) AS numbers
    FROM   lb
    GROUP BY lbtestcd, lbspec, lbcat
),
numeric_tests AS (
    SELECT upper(trim(lbtestcd)) AS testcd, upper(coalesce(trim(lbspec), '')) AS specimen, upper(coalesce(trim(lbcat), '')) AS category
    FROM   written
    GROUP BY upper(trim(lbtestcd)), upper(coalesce(trim(lbspec), '')), upper(coalesce(trim(lbcat), ''))
    HAVING sum(results) > 0 AND 100.0 * sum(numbers) >= $percent * sum(results)
),
texts AS (SELECT * FROM lb WHERE lborresn IS NULL AND NOT blank(lborres))
SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd) AS test, l.lborres
FROM   texts AS l
JOIN   numeric_tests AS n
ON     n.testcd = upper(trim(l.lbtestcd)) AND n.specimen = upper(coalesce(trim(l.lbspec), '')) AND n.category = upper(coalesce(trim(l.lbcat), ''))
WHERE  NOT unknown_text(l.lborres)
AND    num(regexp_replace(trim(l.lborres), '^(<=|>=|[<>≤≥])\s*', '')) IS NULL
