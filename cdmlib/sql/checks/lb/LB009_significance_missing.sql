/*
title:    Laboratory result outside its range is not assessed
severity: minor
action:   query
params:   percent = 50
message:  Laboratory {visit}, {lbdtc}: {test} is {lborres}, outside the reference range {lbornrlo} to {lbornrhi}. Please answer whether it is clinically significant.
field:    lbclsig
optional: lb.lbtest

Only where at least $percent percent of the study's results outside their range are assessed, so that laboratories whose results nobody is asked to
assess give no findings. Results beyond the limit of detection are not judged.
*/
WITH outside AS (
    SELECT record_key, siteid, subjid, visit, lbdtc, coalesce(nullif(trim(lbtest), ''), lbtestcd) AS test, lborres, lbornrlo, lbornrhi, lbclsig
    FROM   lb
    WHERE  lborresn < lbornrlo OR lborresn > lbornrhi
)
SELECT record_key, siteid, subjid, visit, lbdtc, test, lborres, lbornrlo, lbornrhi, lbclsig
FROM   outside
WHERE  blank(lbclsig)
AND    (SELECT 100.0 * count(CASE WHEN NOT blank(lbclsig) THEN 1 END) FROM outside) >= $percent * (SELECT count(*) FROM outside)
