/*
title:    Lower limit of a reference range is above the upper one
severity: major
action:   query
message:  Laboratory, site {siteid}: the reference range of {test} is {lbornrlo} to {lbornrhi} {lborresu}; it stands with {results} results. Please correct the limits.
field:    lbornrlo, lbornrhi
optional: lb.lbtest, lb.lborresu, lb.lbnam

One finding for each site, laboratory, test and range, on the first record that has it.
*/
SELECT min(record_key) AS record_key, siteid, min_by(subjid, record_key) AS subjid, min_by(visit, record_key) AS visit,
       min(coalesce(nullif(trim(lbtest), ''), lbtestcd)) AS test, lbnam, lbornrlo, lbornrhi, min(lborresu) AS lborresu, count(*) AS results
FROM   lb
WHERE  lbornrlo > lbornrhi
GROUP BY siteid, lbnam, upper(trim(lbtestcd)), lbornrlo, lbornrhi
