/*
title:    Text with damaged characters
severity: minor
action:   internal
message:  {page}: {label} is {value}: characters were lost or turned into others on the way. Correct the encoding of the transfer.
items:    type = 'text'

It reports the replacement character (�) and the pairs that appear when UTF-8 is read as Latin-1 or Windows-1252 (Ã¤, â€™). It does not catch a
letter that became a question mark.
*/
WITH texts AS (SELECT domain, field, label FROM fields WHERE type = 'text')
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, t.label, i.value
FROM   items AS i
JOIN   texts AS t ON t.domain = i.domain AND t.field = i.field
WHERE  regexp_matches(i.value, '�|[ÃÂ][\x{80}-\x{BF}€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€')
