/*
title:    Enrolled subject without an eligibility page
severity: major
action:   query
message:  Subject {subjid}: randomised on {randomised_date} and first dosed on {first_dose}, but nothing is entered on the eligibility page. Please enter it.
field:    ie.ieyn
optional: subjects.randomised_date, subjects.first_dose, ie.ieyn, ie.ieorres, ie.ietestcd, ie.iedtc

Reported where at least half of the enrolled subjects have the page: a study that enters only what is not met has it for few. A page without the
answer is left to IE001.
*/
WITH assessed AS (
    SELECT subjid
    FROM   ie
    WHERE  NOT blank(ieyn) OR NOT blank(ieorres) OR NOT blank(ietestcd) OR NOT blank(iedtc)
    GROUP BY subjid
),
enrolled AS (
    SELECT s.record_key, s.siteid, s.subjid, s.randomised_date, s.first_dose, s.status, a.subjid IS NOT NULL AS has_page
    FROM   subjects AS s
    LEFT JOIN assessed AS a ON a.subjid = s.subjid
    WHERE  NOT blank(s.randomised_date) OR NOT blank(s.first_dose)
),
shares AS (SELECT count(CASE WHEN has_page THEN 1 END) AS n, count(*) AS of_all FROM enrolled)
SELECT e.record_key, e.siteid, e.subjid, e.randomised_date, e.first_dose, e.status
FROM   enrolled AS e
CROSS JOIN shares AS h
WHERE  NOT e.has_page
AND    2 * h.n >= h.of_all
