/*
title:    Laboratory result without a collection date
severity: major
action:   query
message:  Laboratory {visit}: {results} have no collection date. Please enter the date on which the sample was taken.
field:    lbdtc
optional: lb.lbdat, lb.lbtest

One finding for each subject and visit, on its first such record. A date given as not known is reported as well; one that is entered but can't be read is
left to IT001. A partial date is accepted.
*/
SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, visit, min(lbdat) AS lbdat,
       CASE WHEN count(*) = 1 THEN 'the results of ' || min(coalesce(nullif(trim(lbtest), ''), lbtestcd)) ELSE CAST(count(*) AS VARCHAR) || ' results' END AS results
FROM   lb
WHERE  NOT blank(lborres)
AND    NOT unknown_text(lborres)
AND    blank(lbdtc)
AND    (blank(lbdat) OR unknown_text(lbdat))
GROUP BY subjid, visit
