/*
title:    Large change of a vital sign between visits
severity: minor
action:   query
message:  Vital signs {visit}, {vsdtc}: {test} is {vsorres} {vsorresu}, but it was {earlier} {earlier_unit} on {earlier_date} and {later} on {later_date}. Please correct the value or the unit, or confirm it.
field:    vsorres
optional: vs.vsorresu, vs.vspos, vs.vstpt, vs.vsloc

A measurement that lies farther from both the one before and the one after it than the table vital_limits allows (blood pressure, pulse, temperature, respiration), in the same direction, in the same position
and time point. So a lasting change is not reported, nor the first or the last measurement; weight and height have checks of their own. Records without a full date are passed over.
*/
WITH series AS (
    SELECT v.record_key, v.siteid, v.subjid, v.visit, v.vsdtc, p.test, v.vsorres, v.vsorresu, v.vsstresn AS value, p.low, p.high, p.change,
           lag(v.vsstresn) OVER w AS before, lead(v.vsstresn) OVER w AS after, lag(v.vsorres) OVER w AS earlier, lag(v.vsorresu) OVER w AS earlier_unit,
           left(lag(v.vsdtc) OVER w, 10) AS earlier_date, lead(v.vsorres) OVER w AS later, left(lead(v.vsdtc) OVER w, 10) AS later_date
    FROM   vs AS v
    JOIN   vital_limits AS p ON p.testcd = upper(trim(v.vstestcd)) AND p.change IS NOT NULL
    WHERE  v.vsstresn > 0
    AND    iso_full(v.vsdtc)
    WINDOW w AS (PARTITION BY v.subjid, p.testcd, v.vspos, v.vsloc, v.vstpt ORDER BY v.vsdtc, v.record_key)
)
SELECT record_key, siteid, subjid, visit, vsdtc, test, vsorres, vsorresu, earlier, earlier_unit, earlier_date, later, later_date
FROM   series
WHERE  (value - before > change AND value - after > change) OR (before - value > change AND after - value > change)
