/*
title:    Eligibility assessed after randomisation or the first dose
severity: major
action:   query
message:  Eligibility: it was assessed on {iedtc}, after {entered} on {entry_date}. Please correct one of the dates, or confirm both.
field:    iedtc
optional: subjects.randomised_date, subjects.first_dose

One finding for each subject, on the first record; a later confirmation of eligibility is not reported when an earlier one is there. Partial dates are compared
only as far as both are known.
*/
WITH first_page AS (
    SELECT record_key, siteid, subjid, visit, iedtc
    FROM   ie
    WHERE  NOT blank(iedtc)
    QUALIFY row_number() OVER (PARTITION BY subjid ORDER BY iedtc, record_key) = 1
)
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.iedtc,
       CASE WHEN iso_after(i.iedtc, s.randomised_date) THEN 'randomisation' ELSE 'the first dose' END AS entered,
       CASE WHEN iso_after(i.iedtc, s.randomised_date) THEN s.randomised_date ELSE s.first_dose END AS entry_date
FROM   first_page AS i
JOIN   subjects AS s ON s.subjid = i.subjid
WHERE  iso_after(i.iedtc, s.randomised_date)
OR     (iso_after(i.iedtc, s.first_dose) AND iso_before(s.first_dose, s.randomised_date) IS DISTINCT FROM true)
