/*
title:    Race is missing
severity: minor
action:   query
message:  Demographics: race of subject {subjid} is {race}. Please enter the race, or the answer that it is not reported.
optional: dm.brthdtc, dm.rficdtc, dm.country

Reported where the page is filled: sex, birth date or consent date is there. Not reported for a country in which no subject has a race, as it may not be
asked there.
*/
WITH places AS (
    SELECT coalesce(nullif(trim(country), ''), '') AS country
    FROM   dm
    WHERE  NOT blank(race)
    GROUP BY coalesce(nullif(trim(country), ''), '')
)
SELECT d.record_key, d.siteid, d.subjid, d.race, d.country
FROM   dm AS d
JOIN   places AS p ON p.country = coalesce(nullif(trim(d.country), ''), '')
WHERE  blank(d.race)
AND    (NOT blank(d.sex) OR NOT blank(d.brthdtc) OR NOT blank(d.rficdtc))
