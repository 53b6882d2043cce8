/*
title:    Two subjects share birth date, sex and country
severity: major
action:   review
message:  Subject {subjid} has the same birth date ({brthdtc}), sex ({sex}) and country or site ({place}) as subject {other_subjid}. Please find out
          whether they are one person.
optional: dm.country, dm.race

Only full birth dates are compared. Where the country is not collected the site must agree. Where race is known for both it must agree.
Of each pair the subject with the later number is reported. Chance agreement is to be expected: about one pair in a study of 300 adults
in one country. It does not catch a person who gave another birth date.
*/
WITH people AS (
    SELECT record_key, siteid, subjid, left(brthdtc, 10) AS brthdtc, sex_code(sex) AS sex, upper(trim(race)) AS race,
           upper(coalesce(nullif(trim(country), ''), 'site ' || siteid)) AS place
    FROM   dm
    WHERE  iso_full(brthdtc)
    AND    NOT blank(sex)
)
SELECT later.record_key, later.siteid, later.subjid, later.brthdtc, later.sex, later.place, later.race, earlier.subjid AS other_subjid, earlier.siteid AS other_siteid
FROM   people AS later
JOIN   people AS earlier
ON     earlier.brthdtc = later.brthdtc AND earlier.sex = later.sex AND earlier.place = later.place AND earlier.subjid < later.subjid
AND    coalesce(earlier.race, later.race, '') = coalesce(later.race, earlier.race, '')
QUALIFY row_number() OVER (PARTITION BY later.record_key ORDER BY earlier.subjid, earlier.record_key) = 1
