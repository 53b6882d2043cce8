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
WITH mixed AS (  -- tests that have more than one unit anywhere
    SELECT lbtestcd
    FROM   lb
    GROUP BY lbtestcd
    HAVING min(lborresu) <> max(lborresu)
),
written AS (  -- as the units are written, so that each spelling is compared once
    SELECT siteid, lbnam, lbtestcd, lbspec, lborresu, unit_key(lborresu) AS unit, count(*) AS results
    FROM   lb
    WHERE  lbtestcd IN (SELECT lbtestcd FROM mixed)
    AND    NOT blank(lborresu)
    AND    NOT blank(lborres)
    GROUP BY siteid, lbnam, lbtestcd, lbspec, lborresu
),
shares AS (
    SELECT siteid, lbnam, lbtestcd, lbspec, lborresu, sum(results) OVER (PARTITION BY siteid, lbnam, lbtestcd, lbspec, unit) AS unit_results,
           sum(results) OVER (PARTITION BY siteid, lbnam, lbtestcd, lbspec) AS total,
           first_value(lborresu) OVER (PARTITION BY siteid, lbnam, lbtestcd, lbspec ORDER BY results DESC, lborresu) AS usual_unit,
           max(results) OVER (PARTITION BY siteid, lbnam, lbtestcd, lbspec) AS usual_results
    FROM   written
),
rare AS (SELECT * FROM shares WHERE total >= $minimum AND 100.0 * unit_results <= $percent * total)
SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd) AS test, l.lborres, l.lborresu, s.usual_unit, s.usual_results
FROM   lb AS l
JOIN   rare AS s
ON     s.lbtestcd = l.lbtestcd AND s.lborresu = l.lborresu AND s.siteid IS NOT DISTINCT FROM l.siteid AND s.lbnam IS NOT DISTINCT FROM l.lbnam
AND    s.lbspec IS NOT DISTINCT FROM l.lbspec
WHERE  NOT blank(l.lborres)
