/*
title:    Weight and height do not go together
severity: major
action:   query
params:   low = 13, high = 60
message:  Vital signs {visit}, {vsdtc}: weight is {vsorres} {vsorresu} and height {height} {height_unit}, which gives a body mass index of {index}. Please correct the value or unit that is wrong, or confirm both.
field:    vsorres, vsorresu
optional: vs.vsorresu

Below $low or above $high kg/m2, for adults: pounds entered as kilograms or the other way round, inches as centimetres, weight and height exchanged. The first weight of a subject is compared with the
height of that or the nearest earlier date, else the first height; later weights are compared with the first by VS003.
*/
WITH measured AS (
    SELECT record_key, siteid, subjid, visit, vsdtc, upper(trim(vstestcd)) AS testcd, vsorres, vsorresu, vsstresn,
           row_number() OVER (PARTITION BY subjid, upper(trim(vstestcd)) ORDER BY vsdtc NULLS LAST, record_key) AS place
    FROM   vs
    WHERE  upper(trim(vstestcd)) IN ('WEIGHT', 'HEIGHT')
    AND    vsstresn > 0
)
SELECT w.record_key, w.siteid, w.subjid, w.visit, w.vsdtc, w.vsorres, w.vsorresu, h.vsorres AS height, h.vsorresu AS height_unit,
       round(10000 * w.vsstresn / (h.vsstresn * h.vsstresn), 1) AS index
FROM   measured AS w
JOIN   measured AS h ON h.subjid = w.subjid AND h.testcd = 'HEIGHT' AND h.place = 1
WHERE  w.testcd = 'WEIGHT'
AND    w.place = 1
AND    round(10000 * w.vsstresn / (h.vsstresn * h.vsstresn), 1) NOT BETWEEN $low AND $high
