/*
title:    Subject number is formed differently from all others
severity: major
action:   query
params:   percent = 95
message:  Subject {subjid}: the number has the form {form_of_number}, but {share} percent of the subjects have {usual_form}. Please correct the subject number.
field:    dm.subjid

9 stands for any figure and A for any letter. A form is the usual one when at least $percent percent of twenty or more subjects have it. It does not catch a wrong number of
the right form.
*/
WITH forms AS (
    SELECT subjid, regexp_replace(regexp_replace(subjid, '[0-9]', '9', 'g'), '[A-Za-z]', 'A', 'g') AS form_of_number
    FROM   subjects
),
counted AS (SELECT form_of_number, count(*) AS n, sum(count(*)) OVER () AS of_all FROM forms GROUP BY form_of_number)
SELECT s.record_key, s.siteid, s.subjid, f.form_of_number, u.form_of_number AS usual_form, CAST(floor(100.0 * u.n / u.of_all) AS INTEGER) AS share
FROM   subjects AS s
JOIN   forms AS f ON f.subjid = s.subjid
JOIN   counted AS u ON u.of_all >= 20 AND 100.0 * u.n / u.of_all >= $percent
WHERE  f.form_of_number <> u.form_of_number
