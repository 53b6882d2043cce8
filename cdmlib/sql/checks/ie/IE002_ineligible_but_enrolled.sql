/*
title:    Criteria not met but randomised or dosed
severity: critical
action:   query
message:  Eligibility: {criterion} is not met, but the subject was randomised on {randomised_date} and first dosed on {first_dose}. Please correct the answer, or
          confirm it.
field:    ieorres, ieyn
optional: ie.ieyn, ie.iecat, ie.ietestcd, ie.ieorres, ie.ietest, subjects.randomised_date, subjects.first_dose

A criterion is not met when an inclusion criterion is answered no or an exclusion criterion yes; without the category, when it is listed on a page that says that not
all are met. One finding for each subject, on the first such record. A deviation should be recorded: see IE006.
*/
WITH violated AS (
    SELECT i.record_key, i.siteid, i.subjid, i.visit, i.ieyn, i.ietestcd, i.ieorres, coalesce(nullif(trim(i.ietestcd), ''), nullif(trim(i.ietest), ''), 'a criterion') AS criterion
    FROM   ie AS i
    WHERE  yes_no(i.ieyn) = 'N'
    OR     (upper(i.iecat) LIKE 'INCL%' AND yes_no(i.ieorres) = 'N')
    OR     (upper(i.iecat) LIKE 'EXCL%' AND yes_no(i.ieorres) = 'Y')
)
SELECT v.record_key, v.siteid, v.subjid, v.visit, v.criterion, v.ieyn, v.ieorres, s.randomised_date, s.first_dose
FROM   violated AS v
JOIN   subjects AS s ON s.subjid = v.subjid
WHERE  NOT blank(s.randomised_date)
OR     NOT blank(s.first_dose)
QUALIFY row_number() OVER (PARTITION BY v.subjid ORDER BY v.record_key) = 1
