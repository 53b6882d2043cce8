/*
title:    Subject died but disposition is not death
severity: critical
action:   query
message:  Subject {subjid}: date of death is {death_date}, but the disposition is {disposition} on {disposition_date}. Please correct the disposition
          or the date of death.

Reported when there is no disposition, or one that is not death and not dated before the death: a subject may die after
leaving the study. An undated disposition is reported.
*/
SELECT record_key, siteid, subjid, death_date, disposition, disposition_date
FROM   subjects
WHERE  NOT blank(death_date)
AND    NOT death_term(coalesce(disposition, ''))
AND    iso_before(disposition_date, death_date) IS DISTINCT FROM true
