/*
title:    Study treatment dose in another unit than all others
severity: major
action:   query
params:   percent = 2, records = 50
message:  Study treatment {extrt} from {exstdtc}: the dose is {exdose} {exdosu}, but {share} percent of the records are in {usual_unit}. Please correct the unit, or confirm it.
field:    exdosu
optional: ex.exdose

Reported where a treatment has at least $records records with a unit and at most $percent percent of them have this one. Units are compared without regard to case and spaces.
*/
WITH counted AS (
    SELECT upper(trim(extrt)) AS treatment, unit_key(exdosu) AS unit, count(*) AS n, sum(count(*)) OVER (PARTITION BY upper(trim(extrt))) AS of_all
    FROM   ex
    WHERE  NOT blank(exdosu)
    GROUP BY upper(trim(extrt)), unit_key(exdosu)
),
usual AS (
    SELECT treatment, unit AS usual_unit, CAST(floor(100.0 * n / of_all) AS INTEGER) AS share
    FROM   counted
    WHERE  of_all >= $records
    QUALIFY row_number() OVER (PARTITION BY treatment ORDER BY n DESC, unit) = 1
)
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.extrt, e.exstdtc, e.exdose, e.exdosu, u.usual_unit, u.share
FROM   ex AS e
JOIN   counted AS c ON c.treatment = upper(trim(e.extrt)) AND c.unit = unit_key(e.exdosu)
JOIN   usual AS u ON u.treatment = c.treatment AND u.usual_unit <> c.unit
WHERE  100.0 * c.n / c.of_all <= $percent
