/*
title:    Reference range missing where the test usually has one
severity: minor
action:   query
params:   percent = 50
message:  Laboratory, site {siteid}: {results} results of {test} {lborresu} have no reference range, the first at {visit} on {lbdtc}. Please enter the range.
field:    lbornrlo, lbornrhi
optional: lb.lbtest, lb.lborresu, lb.lbnam, lb.lbspec

Reported where at least $percent percent of the study's numeric results of the test, by specimen, have a lower or an upper limit. One
finding for each site, laboratory, test and unit, on its first record without a range.
*/
WITH ranged AS (
    SELECT upper(trim(lbtestcd)) AS testcd, upper(coalesce(trim(lbspec), '')) AS specimen
    FROM   lb
    WHERE  lborresn IS NOT NULL
    GROUP BY upper(trim(lbtestcd)), upper(coalesce(trim(lbspec), ''))
    HAVING 100.0 * count(coalesce(lbornrlo, lbornrhi)) >= $percent * count(*) AND count(coalesce(lbornrlo, lbornrhi)) < count(*)
)
SELECT min(l.record_key) AS record_key, l.siteid, min_by(l.subjid, l.record_key) AS subjid, min_by(l.visit, l.record_key) AS visit,
       min_by(l.lbdtc, l.record_key) AS lbdtc, min(coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd)) AS test, l.lbnam, l.lborresu, count(*) AS results
FROM   lb AS l
JOIN   ranged AS r ON r.testcd = upper(trim(l.lbtestcd)) AND r.specimen = upper(coalesce(trim(l.lbspec), ''))
WHERE  l.lborresn IS NOT NULL
AND    l.lbornrlo IS NULL
AND    l.lbornrhi IS NULL
GROUP BY l.siteid, l.lbnam, r.testcd, r.specimen, l.lborresu
