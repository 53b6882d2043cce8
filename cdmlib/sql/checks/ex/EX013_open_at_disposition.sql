/*
title:    Dosing has no end although the subject has left the study
severity: major
action:   query
message:  Study treatment {extrt} from {exstdtc}: the end date is {exendat}, but the subject left the study on {disposition_date} ({disposition}). Please enter the end
          date.
field:    exendtc
optional: ex.exoccur, ex.exendat

The last interval of a subject is looked at; an earlier one without an end is left to EX014. Where the study records the day of each dose and no interval has an
end date, it is not reported.
*/
WITH latest AS (
    SELECT record_key, siteid, subjid, visit, extrt, exoccur, exstdtc, exendat, exendtc
    FROM   ex
    WHERE  NOT blank(exstdtc)
    AND    exoccur IS DISTINCT FROM 'N'
    QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(extrt)) ORDER BY exstdtc DESC, record_key DESC) = 1
)
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.extrt, e.exstdtc, e.exendat, e.exendtc, s.disposition, s.disposition_date
FROM   latest AS e
JOIN   subjects AS s ON s.subjid = e.subjid
WHERE  blank(e.exendtc)
AND    (blank(e.exendat) OR unknown_text(e.exendat))
AND    NOT blank(s.disposition)
AND    EXISTS (SELECT 1 FROM ex AS o WHERE NOT blank(o.exendtc))
