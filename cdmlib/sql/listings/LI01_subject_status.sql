/*
title:    Subject status
optional: subjects, ae

One line per subject: how far the subject is, and the dates that everything else is held against.
*/
SELECT s.record_key, s.siteid, s.subjid, s.status, s.country, s.sex, s.age, s.arm, s.consent_date, s.randomised_date, s.first_dose, s.last_dose,
       iso_days(s.first_dose, s.last_dose) + 1 AS days_of_dosing, s.disposition, s.disposition_date, s.death_date, s.last_contact,
       coalesce(e.events, 0) AS adverse_events, coalesce(e.serious, 0) AS serious_adverse_events
FROM   subjects AS s
LEFT JOIN (SELECT subjid, count(*) AS events, count(CASE WHEN aeser = 'Y' THEN 1 END) AS serious
           FROM   ae
           WHERE  NOT blank(aeterm)
           GROUP BY subjid) AS e ON e.subjid = s.subjid
ORDER BY s.siteid, s.subjid, s.record_key
