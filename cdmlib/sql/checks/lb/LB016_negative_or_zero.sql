/*
title:    Laboratory result can't be negative or zero
severity: major
action:   query
message:  Laboratory {visit}, {lbdtc}: the result of {test} is {lborres}, with reference range {lbornrlo} to {lbornrhi}. Please correct the result, or confirm it.
field:    lborres
optional: lb.lbtest, lb.lbornrlo, lb.lbornrhi

Negative results are reported unless the reference range itself goes below zero (base excess); a result of 0 where the lower limit of the range is at
least a fifth of the upper one, so that rare cells (monocytes, eosinophils) may be 0. A result of 0 without a range is not judged.
*/
SELECT record_key, siteid, subjid, visit, lbdtc, coalesce(nullif(trim(lbtest), ''), lbtestcd) AS test, lborres, lbornrlo, lbornrhi
FROM   lb
WHERE  (lborresn < 0 AND coalesce(lbornrlo, 0) >= 0)
OR     (lborresn = 0 AND lbornrlo > 0 AND lbornrlo >= 0.2 * lbornrhi)
