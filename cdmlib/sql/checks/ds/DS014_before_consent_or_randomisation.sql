/*
title:    Disposition is before the subject entered the study
severity: major
action:   query
message:  Disposition {dsdecod}: the date {dsstdtc} is before {entered} on {entry_date}. Please correct one of the dates.
field:    dsstdtc
optional: ds.dsdecod, subjects.consent_date, subjects.randomised_date

Randomisation and the end of treatment are looked at too: they are compared with consent, and dispositions with randomisation as well. Partial dates are
compared only as far as both are known.
*/
WITH events AS (
    SELECT d.record_key, d.siteid, d.subjid, d.visit, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm) AS dsdecod, d.dsstdtc,
           s.consent_date, CASE WHEN NOT milestone_term(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm)) THEN s.randomised_date END AS randomised_date
    FROM   ds AS d
    JOIN   subjects AS s ON s.subjid = d.subjid
    WHERE  NOT regexp_matches(upper(coalesce(d.dsdecod, d.dsterm)), '^(INFORMED )?(CONSENT|ASSENT)')
)
SELECT record_key, siteid, subjid, visit, dsdecod, dsstdtc,
       CASE WHEN iso_before(dsstdtc, consent_date) THEN 'informed consent' ELSE 'randomisation' END AS entered,
       CASE WHEN iso_before(dsstdtc, consent_date) THEN consent_date ELSE randomised_date END AS entry_date
FROM   events
WHERE  iso_before(dsstdtc, consent_date)
OR     iso_before(dsstdtc, randomised_date)
