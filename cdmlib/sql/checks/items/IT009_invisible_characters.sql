/*
title:    Spaces at the ends or control characters in a text
severity: minor
action:   internal
message:  {page}: {label} is {shown} with {what}, which no reader sees but which makes it another text. Correct it in the transfer or in the EDC.
items:    type = 'text'

The places of spaces are shown as ␣ and of others as ¤. Line breaks inside a text are allowed. Spaces between words are not looked at.
*/
WITH texts AS (SELECT domain, field, label FROM fields WHERE type = 'text')
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, t.label, i.value,
       regexp_replace(regexp_replace(regexp_replace(i.value, '[\x00-\x08\x0B\x0C\x0E-\x1F\x7F\t]', '¤', 'g'), '^\s+', '␣'), '\s+$', '␣') AS shown,
       CASE WHEN regexp_matches(i.value, '[\x00-\x08\x0B\x0C\x0E-\x1F\x7F\t]') THEN 'a control character' ELSE 'spaces at an end' END AS what
FROM   items AS i
JOIN   texts AS t ON t.domain = i.domain AND t.field = i.field
WHERE  regexp_matches(i.value, '^\s|\s$|[\x00-\x08\x0B\x0C\x0E-\x1F\x7F\t]')
AND    NOT blank(i.value)
