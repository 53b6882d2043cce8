/*
title:    Dose that hardly anybody takes
severity: major
action:   query
params:   percent = 1, records = 100
message:  Study treatment {extrt} from {exstdtc}: the dose is {exdose} {exdosu}, which is not one of the usual doses ({usual}). Please correct the dose, or confirm it.
field:    exdose
optional: ex.exdosu

Reported where a treatment has at least $records records and at most $percent percent of them have this dose, whatever the unit
(EX018). Doses by weight or body surface differ from subject to subject: switch the check off there. The doses of the protocol belong into the field specification
(exdose), where IT004 and IT006 hold every record against them.
*/
WITH counted AS (
    SELECT upper(trim(extrt)) AS treatment, exdose, count(*) AS n,
           sum(count(*)) OVER (PARTITION BY upper(trim(extrt))) AS of_all
    FROM   ex
    WHERE  exdose > 0
    GROUP BY upper(trim(extrt)), exdose
),
usual AS (
    SELECT treatment, string_agg(printf('%g', exdose), ', ' ORDER BY exdose) AS usual
    FROM   counted
    WHERE  of_all >= $records AND 100.0 * n / of_all >= 10
    GROUP BY treatment
)
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.extrt, e.exstdtc, e.exdose, e.exdosu, u.usual
FROM   ex AS e
JOIN   counted AS c ON c.treatment = upper(trim(e.extrt)) AND c.exdose = e.exdose
JOIN   usual AS u ON u.treatment = c.treatment
WHERE  100.0 * c.n / c.of_all <= $percent
