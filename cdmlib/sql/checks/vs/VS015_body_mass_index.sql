/*
title:    Body mass index disagrees with weight and height
severity: minor
action:   query
params:   tolerance = 0.5
message:  Vital signs {visit}, {vsdtc}: the body mass index is {vsorres}, but weight {weight} {weight_unit} and height {height} {height_unit} give {index}. Please correct the value that is wrong.
field:    vsorres
optional: vs.vsorresu

The difference may be $tolerance kg/m2. The weight is the one of the same visit and date; the height is of that visit and date too, else the subject's first.
*/
WITH measured AS (
    SELECT record_key, siteid, subjid, visit, vsdtc, upper(trim(vstestcd)) AS testcd, vsorres, vsorresu, vsstresn, vsorresn
    FROM   vs
    WHERE  upper(trim(vstestcd)) IN ('WEIGHT', 'HEIGHT', 'BMI')
)
SELECT b.record_key, b.siteid, b.subjid, b.visit, b.vsdtc, b.vsorres, w.vsorres AS weight, w.vsorresu AS weight_unit, h.vsorres AS height, h.vsorresu AS height_unit,
       round(10000 * w.vsstresn / (h.vsstresn * h.vsstresn), 1) AS index
FROM   measured AS b
JOIN   measured AS w ON w.subjid = b.subjid AND w.testcd = 'WEIGHT' AND w.vsstresn > 0 AND w.visit IS NOT DISTINCT FROM b.visit AND w.vsdtc IS NOT DISTINCT FROM b.vsdtc
JOIN   measured AS h ON h.subjid = b.subjid AND h.testcd = 'HEIGHT' AND h.vsstresn > 0
WHERE  b.testcd = 'BMI'
QUALIFY row_number() OVER (PARTITION BY b.record_key
                           ORDER BY CASE WHEN h.visit IS NOT DISTINCT FROM b.visit AND h.vsdtc IS NOT DISTINCT FROM b.vsdtc THEN 0 ELSE 1 END, h.vsdtc NULLS LAST, h.record_key, w.record_key) = 1
AND     abs(b.vsorresn - 10000 * w.vsstresn / (h.vsstresn * h.vsstresn)) > $tolerance + 0.05
