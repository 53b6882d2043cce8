/*
title:    More decimal places than the specification allows
severity: minor
action:   query
message:  {page}: {label} is {value}, with {places} decimal places; at most {allowed} can be recorded. Please correct the value.
items:    decimals IS NOT NULL

Places of the text as entered are counted, zeros at its end too; of a number that is derived, zeros at its end are not.
*/
WITH limited AS (SELECT domain, field, label, type, decimals AS allowed FROM fields WHERE decimals IS NOT NULL),
counted AS (
    SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, i.domain, i.field, n.label, i.value, n.allowed,
           length(regexp_extract(CASE WHEN n.type = 'text' THEN trim(i.value) ELSE regexp_replace(trim(i.value), '\.?0+$', '') END,
                                 '^[+-]?\d*\.(\d+)$', 1)) AS places
    FROM   items AS i
    JOIN   limited AS n ON n.domain = i.domain AND n.field = i.field
    WHERE  strpos(i.value, '.') > 0
)
SELECT record_key, siteid, subjid, visit, form, concat_ws(' ', coalesce(nullif(trim(form), ''), form_name(domain)), visit) AS page,
       domain, field, label, value, places, allowed
FROM   counted
WHERE  places > allowed
