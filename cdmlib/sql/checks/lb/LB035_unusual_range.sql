/*
title:    Reference range differs from the laboratory's usual ones
severity: minor
action:   query
params:   percent = 2, minimum = 50
message:  Laboratory {visit}, {lbdtc}: the reference range of {test} is {lbornrlo} to {lbornrhi} {lborresu}, but {usual_results} results of the site have {usual_range}. Please correct
          the range, or confirm it.
field:    lbornrlo, lbornrhi
optional: lb.lbtest, lb.lborresu, lb.lbnam, lb.lbspec

By site, laboratory, test, specimen and unit: ranges that stand with at most $percent percent of at least $minimum results and that no other site has. At a
local laboratory a range that is rare because few subjects are of that sex or age is reported too. One finding for each subject and range.
*/
WITH ranges AS (
    SELECT siteid, lbnam, lbtestcd AS testcd, lbspec AS specimen, lborresu AS unit, lbornrlo AS low, lbornrhi AS high, count(*) AS results
    FROM   lb
    WHERE  lbornrlo IS NOT NULL OR lbornrhi IS NOT NULL
    GROUP BY siteid, lbnam, lbtestcd, lbspec, lborresu, lbornrlo, lbornrhi
),
shares AS (
    SELECT siteid, lbnam, testcd, specimen, unit, low, high, results, sum(results) OVER (PARTITION BY siteid, lbnam, testcd, specimen, unit) AS total,
           first_value(concat(coalesce(number_text(low), '(blank)'), ' to ', coalesce(number_text(high), '(blank)'))) OVER (PARTITION BY siteid, lbnam, testcd, specimen, unit ORDER BY results DESC, low, high) AS usual_range,
           max(results) OVER (PARTITION BY siteid, lbnam, testcd, specimen, unit) AS usual_results,
           count(*) OVER (PARTITION BY testcd, specimen, unit, low, high) AS sites
    FROM   ranges
)
SELECT min(l.record_key) AS record_key, l.siteid, l.subjid, min_by(l.visit, l.record_key) AS visit, min_by(l.lbdtc, l.record_key) AS lbdtc,
       min(coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd)) AS test, l.lborresu, s.low AS lbornrlo, s.high AS lbornrhi, s.usual_range, s.usual_results
FROM   lb AS l
JOIN   shares AS s
ON     s.testcd = l.lbtestcd AND s.siteid IS NOT DISTINCT FROM l.siteid AND s.lbnam IS NOT DISTINCT FROM l.lbnam AND s.specimen IS NOT DISTINCT FROM l.lbspec
AND    s.unit IS NOT DISTINCT FROM l.lborresu AND s.low IS NOT DISTINCT FROM l.lbornrlo AND s.high IS NOT DISTINCT FROM l.lbornrhi
WHERE  s.total >= $minimum
AND    s.sites = 1
AND    100.0 * s.results <= $percent * s.total
GROUP BY l.siteid, l.subjid, l.lbtestcd, l.lborresu, s.low, s.high, s.usual_range, s.usual_results
