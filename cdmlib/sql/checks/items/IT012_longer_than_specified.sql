/*
title:    Text is longer than the specification allows
severity: minor
action:   internal
message:  {page}: {label} has {characters} characters; the specification allows {allowed}. Correct the specification or shorten the text.
items:    length IS NOT NULL

Spaces at the ends are not counted. A text that was cut at the allowed length on the way can't be told from one that fits.
*/
WITH limited AS (SELECT domain, field, label, length AS allowed FROM fields WHERE length IS NOT NULL)
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, n.label, i.value, length(trim(i.value)) AS characters, n.allowed
FROM   items AS i
JOIN   limited AS n ON n.domain = i.domain AND n.field = i.field
WHERE  length(trim(i.value)) > n.allowed
