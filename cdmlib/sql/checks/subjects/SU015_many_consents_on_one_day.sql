/*
title:    Many subjects of one site gave consent on one day
severity: minor
action:   review
params:   subjects = 4
message:  Site {siteid}: {number} subjects gave informed consent on {consent_date}: {who}. Please find out whether the dates are right.

Reported for $subjects or more subjects of one site, once for each day, on the first of them. It points to a date of entry instead of one of consent, or to made-up data;
a site that screens on fixed days, or healthy volunteers, are reported too. Only full dates.
*/
WITH days AS (
    SELECT siteid, consent_date, count(*) AS number, string_agg(subjid, ', ' ORDER BY subjid) AS who, min(record_key) AS record_key, min(subjid) AS subjid
    FROM   subjects
    WHERE  iso_full(consent_date)
    AND    NOT blank(siteid)
    GROUP BY siteid, consent_date
)
SELECT record_key, siteid, subjid, consent_date, number, who
FROM   days
WHERE  number >= $subjects
