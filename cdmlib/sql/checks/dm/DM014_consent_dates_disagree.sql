/*
title:    Two dates of informed consent
severity: critical
action:   query
message:  Demographics: informed consent is dated {rficdtc}, but the disposition form has it on {consent_on_disposition}. Please correct one of the dates.
field:    rficdtc
optional: ds.dsdecod

For studies that collect consent on both pages. Of several consents on the disposition form (an amended form is signed again) the earliest counts.
Compared only as far as both are known.
*/
WITH milestones AS (
    SELECT subjid, iso_earliest(dsstdtc) AS day
    FROM   ds
    WHERE  milestone_term(coalesce(nullif(trim(dsdecod), ''), dsterm))
    AND    regexp_matches(upper(coalesce(nullif(trim(dsdecod), ''), dsterm)), 'CONSENT|ASSENT')
    GROUP BY subjid
)
SELECT d.record_key, d.siteid, d.subjid, d.rficdtc, m.day AS consent_on_disposition
FROM   dm AS d
JOIN   milestones AS m ON m.subjid = d.subjid
WHERE  iso_after(d.rficdtc, m.day)
OR     iso_before(d.rficdtc, m.day)
