/*
title:    Range indicator disagrees with result and range
severity: minor
action:   query
message:  Laboratory {visit}, {lbdtc}: {test} is {lborres} with reference range {lbornrlo} to {lbornrhi}, but flagged as {lbnrind}. Please correct the result, the range or the flag.
field:    lbnrind, lborres
optional: lb.lbtest

High, low and normal in words or letters (H, HH, L, LL, N) are compared; abnormal and other flags are not. Results beyond the limit of detection are not judged. The limits
themselves are within the range.
*/
WITH flagged AS (
    SELECT record_key, siteid, subjid, visit, lbdtc, coalesce(nullif(trim(lbtest), ''), lbtestcd) AS test, lborres, lborresn, lbornrlo, lbornrhi, lbnrind,
           upper(trim(lbnrind)) AS flag
    FROM   lb
    WHERE  lborresn IS NOT NULL
    AND    NOT blank(lbnrind)
)
SELECT record_key, siteid, subjid, visit, lbdtc, test, lborres, lbornrlo, lbornrhi, lbnrind
FROM   flagged
WHERE  (flag IN ('H', 'HH', 'HIGH', 'HIGH HIGH') AND lborresn <= lbornrhi)
OR     (flag IN ('L', 'LL', 'LOW', 'LOW LOW') AND lborresn >= lbornrlo)
OR     (flag IN ('N', 'NORMAL') AND (lborresn < lbornrlo OR lborresn > lbornrhi))
