/*
title:    Enrolled against the criteria but no deviation recorded
severity: major
action:   internal
message:  Subject {subjid}: {criterion} is not met and the subject was dosed first on {first_dose}, but no protocol deviation speaks of eligibility. Record the deviation.
optional: ie.ieyn, ie.iecat, ie.ietestcd, ie.ieorres, ie.ietest, dv.dvcat, dv.dvdecod

Any deviation of the subject counts whose text, code or classification names eligibility, inclusion, exclusion, a criterion or the criterion's own number. The
question to the site is IE002.
*/
WITH violated AS (
    SELECT i.record_key, i.siteid, i.subjid, i.visit, coalesce(nullif(trim(i.ietestcd), ''), nullif(trim(i.ietest), ''), 'a criterion') AS criterion
    FROM   ie AS i
    WHERE  yes_no(i.ieyn) = 'N'
    OR     (upper(i.iecat) LIKE 'INCL%' AND yes_no(i.ieorres) = 'N')
    OR     (upper(i.iecat) LIKE 'EXCL%' AND yes_no(i.ieorres) = 'Y')
)
SELECT v.record_key, v.siteid, v.subjid, v.visit, v.criterion, s.first_dose
FROM   violated AS v
JOIN   subjects AS s ON s.subjid = v.subjid AND NOT blank(s.first_dose)
WHERE  NOT EXISTS (
           SELECT 1
           FROM   dv AS d
           WHERE  d.subjid = v.subjid
           AND    (regexp_matches(upper(concat_ws(' ', d.dvterm, d.dvcat, d.dvdecod)), 'ELIGIB|INCLU|EXCLU|CRITERI|ENTRY')
                   OR strpos(upper(concat_ws(' ', d.dvterm, d.dvdecod)), upper(v.criterion)) > 0)
       )
QUALIFY row_number() OVER (PARTITION BY v.subjid ORDER BY v.record_key) = 1
