/*
title:    Informed consent missing among the dispositions
severity: critical
action:   query
message:  Subject {subjid}: the disposition form has no date of informed consent. Please enter the date on which the subject gave consent.
optional: subjects.consent_date

For studies that collect informed consent on the disposition form: reported when other subjects have it there and this one has no
consent date anywhere. Where consent is collected with the demographics, see DM004.
*/
SELECT s.record_key, s.siteid, s.subjid, s.consent_date, s.status
FROM   subjects AS s
WHERE  blank(s.consent_date)
AND    EXISTS (
           SELECT 1
           FROM   ds AS d
           WHERE  milestone_term(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
           AND    upper(trim(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))) LIKE 'INFORMED CONSENT%'
       )
