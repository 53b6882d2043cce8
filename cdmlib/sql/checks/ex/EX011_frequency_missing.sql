/*
title:    Dosing record without a frequency
severity: minor
action:   query
message:  Study treatment {extrt} from {exstdtc}: the frequency is missing. Please enter how often the dose was taken.
field:    exdosfrq
optional: ex.exoccur, ex.exdose

Reported where most dosing records of the treatment have a frequency. Doses answered as not taken are left out.
*/
WITH treatments AS (
    SELECT upper(trim(extrt)) AS treatment
    FROM   ex
    GROUP BY upper(trim(extrt))
    HAVING count(nullif(trim(exdosfrq), '')) > 0.5 * count(*)
)
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.extrt, e.exstdtc, e.exdose, e.exdosfrq
FROM   ex AS e
JOIN   treatments AS t ON t.treatment = upper(trim(e.extrt))
WHERE  blank(e.exdosfrq)
AND    NOT blank(e.exstdtc)
AND    e.exoccur IS DISTINCT FROM 'N'
