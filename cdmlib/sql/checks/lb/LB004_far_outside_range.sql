/*
title:    Laboratory result far outside its reference range
severity: major
action:   query
params:   factor = 10
message:  Laboratory {visit}, {lbdtc}: the result of {test} is {lborres} {lborresu}, with reference range {lbornrlo} to {lbornrhi}. Please correct the
          result or its unit, or confirm both.
optional: lb.lbtest, lb.lborresu

More than $factor times the upper limit, or less than the lower limit divided by $factor: a unit or decimal point may be wrong. Some tests go
that far in illness (C-reactive protein, troponin, pregnancy hormone). Ranges that start at 0 have no lower check, and a
result of 0 is no matter of units. Results beyond the limit of detection are not judged.
*/
SELECT record_key, siteid, subjid, visit, lbdtc, coalesce(nullif(trim(lbtest), ''), lbtestcd) AS test, lborres, lborresu, lbornrlo, lbornrhi
FROM   lb
WHERE  (lbornrhi > 0 AND lborresn > $factor * lbornrhi)
OR     (lbornrlo > 0 AND lborresn > 0 AND lborresn * $factor < lbornrlo)
