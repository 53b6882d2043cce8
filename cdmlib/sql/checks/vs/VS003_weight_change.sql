/*
title:    Large change of weight between visits
severity: minor
action:   query
params:   percent = 10
message:  Vital signs {visit}, {vsdtc}: weight is {vsorres} {vsorresu}, which differs by {change_percent} percent from {earlier_weight} {earlier_unit} on {earlier_date}. Please
          correct the value or the unit, or confirm it.
optional: vs.vsorresu

Each weight is compared, in kg, with the one before it; records without a full date or a known unit are passed over. A change of exactly
$percent is allowed, and so is the return to the weight before one that was reported. Slow changes over many visits are not caught.
*/
WITH weights AS (
    SELECT record_key, siteid, subjid, visit, vsdtc, vsorres, vsorresu, vsstresn,
           lag(vsstresn) OVER (PARTITION BY subjid ORDER BY vsdtc, record_key) AS earlier_kg,
           lag(vsorres) OVER (PARTITION BY subjid ORDER BY vsdtc, record_key) AS earlier_weight,
           lag(vsorresu) OVER (PARTITION BY subjid ORDER BY vsdtc, record_key) AS earlier_unit,
           lag(vsdtc) OVER (PARTITION BY subjid ORDER BY vsdtc, record_key) AS earlier_date,
           lag(vsstresn, 2) OVER (PARTITION BY subjid ORDER BY vsdtc, record_key) AS before_kg
    FROM   vs
    WHERE  upper(trim(vstestcd)) = 'WEIGHT'
    AND    vsstresn > 0
    AND    iso_full(vsdtc)
)
SELECT record_key, siteid, subjid, visit, vsdtc, vsorres, vsorresu, earlier_weight, earlier_unit, earlier_date,
       round(100 * abs(vsstresn - earlier_kg) / earlier_kg, 1) AS change_percent
FROM   weights
WHERE  round(100 * abs(vsstresn - earlier_kg) / earlier_kg, 1) > $percent
AND    NOT coalesce(round(100 * abs(vsstresn - before_kg) / before_kg, 1) <= $percent AND round(100 * abs(earlier_kg - before_kg) / before_kg, 1) > $percent, false)
