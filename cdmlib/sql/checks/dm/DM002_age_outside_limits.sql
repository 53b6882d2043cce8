/*
title:    Age is outside the limits of the protocol
severity: major
action:   query
params:   low = 18, high = 100
message:  Demographics: age is {age} years, but the protocol allows {low} to {high} years. Please correct the age, or confirm it.
optional: dm.ageu

Both limits are allowed ages. An age in another unit than years is left out; a missing age is not reported here.
*/
SELECT record_key, siteid, subjid, age, ageu
FROM   dm
WHERE  (age < $low OR age > $high)
AND    upper(coalesce(nullif(trim(ageu), ''), 'YEARS')) IN ('YEARS', 'YEAR', 'YRS', 'YR', 'Y')
