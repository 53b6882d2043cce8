/*
title:    Laboratory result in another unit than the site's others
severity: minor
action:   query
params:   percent = 5, minimum = 20
message:  Laboratory {visit}, {lbdtc}: {test} is {lborres} {lborresu}, but {usual_results} of the site's results of this test are in {usual_unit}. Please correct the
          unit or the result, or confirm both.
field:    lborresu, lborres
optional: lb.lbtest, lb.lbspec, lb.lbnam

By site, laboratory, test and specimen: units in which at most $percent percent of at least $minimum results stand. Spaces and the case of letters do
not matter. A laboratory that changes its unit for good is found until its new results are more than that.
*/
WITH used AS (
    SELECT siteid, lbnam, upper(trim(lbtestcd)) AS testcd, upper(coalesce(trim(lbspec), '')) AS specimen, unit_key(lborresu) AS unit,
           min(lborresu) AS written, count(*) AS results
    FROM   lb
    WHERE  NOT blank(lborresu)
    AND    NOT blank(lborres)
    GROUP BY siteid, lbnam, upper(trim(lbtestcd)), upper(coalesce(trim(lbspec), '')), unit_key(lborresu)
),
shares AS (
    SELECT siteid, lbnam, testcd, specimen, unit, results, sum(results) OVER (PARTITION BY siteid, lbnam, testcd, specimen) AS total,
           first_value(written) OVER (PARTITION BY siteid, lbnam, testcd, specimen ORDER BY results DESC, unit) AS usual_unit,
           max(results) OVER (PARTITION BY siteid, lbnam, testcd, specimen) AS usual_results
    FROM   used
)
SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd) AS test, l.lborres, l.lborresu, s.usual_unit, s.usual_results
FROM   lb AS l
JOIN   shares AS s
ON     s.testcd = upper(trim(l.lbtestcd)) AND s.unit = unit_key(l.lborresu) AND s.specimen = upper(coalesce(trim(l.lbspec), ''))
AND    s.siteid IS NOT DISTINCT FROM l.siteid AND s.lbnam IS NOT DISTINCT FROM l.lbnam
WHERE  NOT blank(l.lborres)
AND    100.0 * s.results <= $percent * s.total
AND    s.total >= $minimum
