/*
title:    Mean volume of red cells disagrees with haematocrit and red cell count
severity: minor
action:   query
params:   percent = 10
message:  Laboratory {visit}, {lbdtc}: the mean volume of red cells is {lborres} fL, but haematocrit {haematocrit} and red cell count {red_cells} give {worked_out}. Please correct
          the result that is wrong, or confirm all three.
field:    lborres
optional: lb.lbtim, lb.lbrefid

Worked out as haematocrit (percent) times 10 divided by red cells (10^12/L); $percent percent either way are allowed, since haematocrit is often rounded to a whole
number. Units are those of the table lab_units; all three must be of one sample.
*/
WITH blood AS (
    SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, l.lborres, u.testcd, l.lborresn * u.factor AS value, l.lbtim, l.lbrefid
    FROM   lb AS l
    JOIN   lab_units AS u ON u.testcd = upper(trim(l.lbtestcd)) AND u.unit = unit_key(l.lborresu)
    WHERE  upper(trim(l.lbtestcd)) IN ('MCV', 'HCT', 'RBC')
    AND    l.lborresn > 0
)
SELECT v.record_key, v.siteid, v.subjid, v.visit, v.lbdtc, v.lborres, c.lborres AS haematocrit, r.lborres AS red_cells, round(10 * c.value / r.value, 0) AS worked_out
FROM   blood AS v
JOIN   blood AS c ON c.subjid = v.subjid AND c.lbdtc IS NOT DISTINCT FROM v.lbdtc AND c.testcd = 'HCT'
JOIN   blood AS r ON r.subjid = v.subjid AND r.lbdtc IS NOT DISTINCT FROM v.lbdtc AND r.testcd = 'RBC'
WHERE  v.testcd = 'MCV'
AND    abs(10 * c.value / r.value - v.value) > $percent / 100.0 * v.value
AND    c.visit IS NOT DISTINCT FROM v.visit
AND    r.visit IS NOT DISTINCT FROM v.visit
AND    c.lbtim IS NOT DISTINCT FROM v.lbtim
AND    r.lbtim IS NOT DISTINCT FROM v.lbtim
AND    c.lbrefid IS NOT DISTINCT FROM v.lbrefid
AND    r.lbrefid IS NOT DISTINCT FROM v.lbrefid
QUALIFY row_number() OVER (PARTITION BY v.record_key ORDER BY c.record_key, r.record_key) = 1
