/*
title:    Subject in the study without data for long
severity: minor
action:   review
params:   days = 120
message:  Subject {subjid}: {status}, but the last data are of {last_contact}, {days_silent} days before {as_of}. Please find out whether the site still enters data or the subject
          is lost.
optional: subjects.disposition

Reported from the day after $days days. Subjects who left the study or died are left out. Set $days to more than the longest time between two visits. Where the study has a
visit schedule SU007 is sharper.
*/
SELECT record_key, siteid, subjid, status, last_contact, iso_days(last_contact, $as_of) AS days_silent, $as_of AS as_of
FROM   subjects
WHERE  overdue(last_contact, $days, $as_of)
AND    blank(disposition)
AND    status IN ('ON TREATMENT', 'RANDOMISED', 'SCREENED')
