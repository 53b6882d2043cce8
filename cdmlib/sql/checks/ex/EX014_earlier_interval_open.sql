/*
title:    Dosing has no end although a later interval began
severity: major
action:   query
message:  Study treatment {extrt} from {exstdtc}: the end date is missing, but the next interval began on {next_start}. Please enter the end date.
field:    exendtc
optional: ex.exoccur, ex.exendat

Intervals of one treatment are compared. Where the study records the day of each dose and no interval has an end date, it is not reported. An end date that can't be
read is left to IT001.
*/
WITH doses AS (
    SELECT record_key, siteid, subjid, visit, extrt, exstdtc, exendat, exendtc,
           lead(exstdtc) OVER (PARTITION BY subjid, upper(trim(extrt)) ORDER BY exstdtc, record_key) AS next_start
    FROM   ex
    WHERE  exoccur IS DISTINCT FROM 'N'
    AND    NOT blank(exstdtc)
)
SELECT record_key, siteid, subjid, visit, extrt, exstdtc, exendat, exendtc, next_start
FROM   doses
WHERE  blank(exendtc)
AND    (blank(exendat) OR unknown_text(exendat))
AND    iso_after(next_start, exstdtc)
AND    EXISTS (SELECT 1 FROM ex AS o WHERE NOT blank(o.exendtc))
