/*
title:    Height changed during the study
severity: minor
action:   query
params:   cm = 3
message:  Vital signs {visit}, {vsdtc}: height is {vsorres} {vsorresu}, but it was {first_height} {first_unit} on {first_date}. Please correct
          one of the values, or confirm both.
optional: vs.vsorresu

Every height is compared, in cm, with the subject's first; a difference of exactly $cm is allowed. For adults.
*/
WITH heights AS (
    SELECT record_key, siteid, subjid, visit, vsdtc, vsorres, vsorresu, vsstresn,
           first_value(vsstresn) OVER (PARTITION BY subjid ORDER BY vsdtc NULLS LAST, record_key) AS first_cm,
           first_value(vsorres) OVER (PARTITION BY subjid ORDER BY vsdtc NULLS LAST, record_key) AS first_height,
           first_value(vsorresu) OVER (PARTITION BY subjid ORDER BY vsdtc NULLS LAST, record_key) AS first_unit,
           first_value(vsdtc) OVER (PARTITION BY subjid ORDER BY vsdtc NULLS LAST, record_key) AS first_date
    FROM   vs
    WHERE  upper(trim(vstestcd)) = 'HEIGHT'
    AND    vsstresn > 0
)
SELECT record_key, siteid, subjid, visit, vsdtc, vsorres, vsorresu, first_height, first_unit, first_date, round(abs(vsstresn - first_cm), 1) AS difference_cm
FROM   heights
WHERE  round(abs(vsstresn - first_cm), 1) > $cm
