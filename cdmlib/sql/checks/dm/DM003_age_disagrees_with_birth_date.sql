/*
title:    Age disagrees with the birth date
severity: major
action:   query
params:   years = 1
message:  Demographics: age is {age} years, but birth date {brthdtc} gives {expected} years on {age_on}. Please correct the age or the birth date.
optional: dm.ageu, dm.dmdtc, subjects.consent_date

The age is worked out on the day of consent, or of collection when the consent date is not known, and may differ by $years.
A birth date that is known to the month or year gives a range of possible ages. It does not catch differences within the tolerance.
*/
WITH known AS (
    SELECT d.record_key, d.siteid, d.subjid, d.age, d.brthdtc, left(coalesce(nullif(s.consent_date, ''), nullif(d.dmdtc, '')), 10) AS age_on
    FROM   dm AS d
    LEFT JOIN subjects AS s ON s.subjid = d.subjid
    WHERE  d.age IS NOT NULL
    AND    NOT blank(d.brthdtc)
    AND    upper(coalesce(nullif(trim(d.ageu), ''), 'YEARS')) IN ('YEARS', 'YEAR', 'YRS', 'YR', 'Y')
),
parts AS (
    SELECT record_key, siteid, subjid, age, brthdtc, age_on,
           CAST(left(age_on, 4) AS INTEGER) - CAST(left(brthdtc, 4) AS INTEGER) AS difference,
           least(length(age_on), length(brthdtc), 10) AS known_length
    FROM   known
    WHERE  age_on IS NOT NULL
),
possible AS (  -- month and day are compared as far as both are known
    SELECT record_key, siteid, subjid, age, brthdtc, age_on,
           difference - CASE WHEN substr(left(age_on, known_length), 5) < substr(left(brthdtc, known_length), 5) THEN 1 ELSE 0 END AS oldest,
           difference - CASE WHEN substr(left(age_on, known_length), 5) > substr(left(brthdtc, known_length), 5) THEN 0
                             WHEN known_length = 10 AND substr(left(age_on, 10), 5) = substr(left(brthdtc, 10), 5) THEN 0
                             ELSE 1 END AS youngest
    FROM   parts
)
SELECT record_key, siteid, subjid, age, brthdtc, age_on,
       CASE WHEN youngest = oldest THEN CAST(oldest AS VARCHAR) ELSE CAST(youngest AS VARCHAR) || ' to ' || CAST(oldest AS VARCHAR) END AS expected
FROM   possible
WHERE  floor(age) < youngest - $years OR floor(age) > oldest + $years
