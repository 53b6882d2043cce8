/*
title:    Haemoglobin and haematocrit do not go together
severity: minor
action:   query
params:   low = 260, high = 400
message:  Laboratory {visit}, {lbdtc}: haemoglobin is {lborres} {lborresu} and haematocrit {haematocrit} {haematocrit_unit}, which gives {concentration} g/L of haemoglobin in the cells.
          Please correct the result or unit that is wrong, or confirm both.
field:    lborres, lborresu
optional: lb.lbtim, lb.lbrefid

The mean concentration in the cells, haemoglobin divided by haematocrit, is about 330 g/L (the rule of three) and must lie within $low to $high. Units are
those of the table lab_units; others are not judged. Both must be of one sample.
*/
WITH blood AS (
    SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, l.lborres, l.lborresu, u.testcd, l.lborresn * u.factor AS value, l.lbtim, l.lbrefid
    FROM   lb AS l
    JOIN   lab_units AS u ON u.testcd = upper(trim(l.lbtestcd)) AND u.unit = unit_key(l.lborresu)
    WHERE  upper(trim(l.lbtestcd)) IN ('HGB', 'HCT')
    AND    l.lborresn > 0
)
SELECT h.record_key, h.siteid, h.subjid, h.visit, h.lbdtc, h.lborres, h.lborresu, c.lborres AS haematocrit, c.lborresu AS haematocrit_unit,
       round(100 * h.value / c.value, 0) AS concentration
FROM   blood AS h
JOIN   blood AS c ON c.subjid = h.subjid AND c.lbdtc IS NOT DISTINCT FROM h.lbdtc AND c.testcd = 'HCT'
WHERE  h.testcd = 'HGB'
AND    round(100 * h.value / c.value, 0) NOT BETWEEN $low AND $high
AND    c.visit IS NOT DISTINCT FROM h.visit
AND    c.lbtim IS NOT DISTINCT FROM h.lbtim
AND    c.lbrefid IS NOT DISTINCT FROM h.lbrefid
QUALIFY row_number() OVER (PARTITION BY h.record_key ORDER BY c.record_key) = 1
