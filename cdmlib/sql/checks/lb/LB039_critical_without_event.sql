/*
title:    Critical laboratory result without an adverse event
severity: critical
action:   query
params:   days = 14
message:  Laboratory {visit}, {lbdtc}: {test} is {lborres} {lborresu}, at a critical level ({limits}), but no adverse event is entered for that time. Please enter the adverse event, or correct the result, or confirm that
          there was none.
field:    lborres
optional: lb.lbtest, lb.lbornrhi, lb.lbclsig, lb.lbspec, ae.aeendtc

Limits stand in the table lab_critical: as values in the reference unit of the table lab_units, or as multiples of the upper limit of the report. Samples after the day of the first dose
are looked at, not urine. An adverse event counts when it starts no later than $days days after the sample and did not end more than $days days before it, whatever it is. A result that
is assessed as clinically significant is left to LB008. Results beyond the limit of detection are not judged.
*/
WITH limits AS (  -- by test and unit as they are written, so that each unit is looked up once
    SELECT w.lbtestcd, w.lborresu, c.low / u.factor AS low, c.high / u.factor AS high, c.times_upper, concat('below ', number_text(c.low), ' ', c.unit) AS below,
           concat('above ', number_text(c.high), ' ', c.unit) AS above
    FROM  (SELECT DISTINCT lbtestcd, lborresu FROM lb) AS w
    JOIN   lab_critical AS c ON c.testcd = upper(trim(w.lbtestcd))
    LEFT JOIN lab_units AS u ON u.testcd = c.testcd AND u.unit = unit_key(w.lborresu)
),
critical AS (
    SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd) AS test, l.lborres, l.lborresu,
           CASE WHEN l.lborresn < c.low THEN c.below WHEN l.lborresn > c.high THEN c.above ELSE concat('above ', number_text(c.times_upper), ' times the upper limit') END AS limits
    FROM   lb AS l
    JOIN   limits AS c ON c.lbtestcd = l.lbtestcd AND c.lborresu IS NOT DISTINCT FROM l.lborresu
    WHERE  CASE WHEN l.lborresn > 0 AND (l.lborresn < c.low OR l.lborresn > c.high OR (l.lbornrhi > 0 AND l.lborresn > c.times_upper * l.lbornrhi))
                THEN upper(trim(l.lbspec)) IS DISTINCT FROM 'URINE' AND yes_no(l.lbclsig) IS DISTINCT FROM 'Y' END
)
SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, l.test, l.lborres, l.lborresu, l.limits
FROM   critical AS l
JOIN   subjects AS s ON s.subjid = l.subjid
WHERE  iso_after(left(l.lbdtc, 10), s.first_dose)
AND    NOT EXISTS (SELECT 1 FROM ae AS a
                   WHERE  a.subjid = l.subjid
                   AND    NOT blank(a.aeterm)
                   AND    NOT coalesce(iso_after(a.aestdtc, coalesce(iso_plus(l.lbdtc, $days), l.lbdtc)), false)
                   AND    NOT coalesce(iso_before(a.aeendtc, coalesce(iso_plus(l.lbdtc, -$days), l.lbdtc)), false))
