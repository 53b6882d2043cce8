/*
title:    Study treatment interrupted for an adverse event but no pause recorded
severity: major
action:   query
message:  Adverse event {aeterm} from {aestdtc} to {aeendtc}: action taken with study treatment is {aeacn}, but dosing is recorded without a
          pause from then on, the last dose on {last_dose}. Please correct the action taken, or enter the days without treatment.
field:    aeacn, ex.exstdtc
optional: ex.exoccur, ae.aeendtc

A pause is a day or more between two dosing records, a dose of 0 below a higher one, a dose answered as not taken, or dosing that ends
before the event does. Dates are read to the day; where one of two neighbouring dosing dates or the start of the event is partial, nothing
is reported. Treatment given at visits (an infusion every three weeks) always has pauses, so there it finds nothing. Where dosing is entered
later than events, the finding goes when it is.
*/
WITH doses AS (
    SELECT subjid, left(exstdtc, 10) AS exstdtc, exdose, exoccur, iso_full(exstdtc) AS known,
           max(CASE WHEN exoccur IS DISTINCT FROM 'N' THEN left(coalesce(nullif(exendtc, ''), '9999-12-31'), 10) END)
               OVER (PARTITION BY subjid ORDER BY exstdtc, record_key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_end,
           max(CASE WHEN exoccur IS DISTINCT FROM 'N' THEN exdose END)
               OVER (PARTITION BY subjid ORDER BY exstdtc, record_key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_dose
    FROM   ex
    WHERE  subjid IN (SELECT subjid FROM ae WHERE treatment_action(aeacn) = 'INTERRUPTED')
)
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aeterm, a.aestdtc, a.aeendtc, a.aeacn, s.last_dose
FROM   ae AS a
JOIN   subjects AS s ON s.subjid = a.subjid
WHERE  treatment_action(a.aeacn) = 'INTERRUPTED'
AND    iso_full(a.aestdtc)
AND    NOT blank(s.last_dose)
AND    NOT EXISTS (
           SELECT 1
           FROM   doses AS d
           WHERE  d.subjid = a.subjid
           AND    (d.exstdtc IS NULL OR d.exstdtc >= left(a.aestdtc, 10) OR NOT d.known)
           AND    (d.exoccur = 'N' OR (d.exdose = 0 AND d.earlier_dose > 0) OR NOT d.known OR length(d.earlier_end) < 10 OR iso_days(d.earlier_end, d.exstdtc) > 1)
       )
AND    NOT EXISTS (SELECT 1 FROM ex AS e WHERE e.subjid = a.subjid AND e.exoccur = 'N' AND blank(e.exstdtc))
AND    (iso_before(s.last_dose, a.aeendtc) IS DISTINCT FROM true OR EXISTS (SELECT 1 FROM ex AS o WHERE o.subjid = a.subjid AND blank(o.exendtc)))
