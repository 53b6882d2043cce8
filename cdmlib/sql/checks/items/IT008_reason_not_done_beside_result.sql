/*
title:    Reason not done is given beside a result
severity: minor
action:   query
message:  {page}: the reason for not doing it is {value}, but the result {result} is entered. Please keep the reason or the result, and remove the other.

One record is looked at, in every domain that has a reason not done and a result; a page that is answered as a whole has no result of its own.
*/
WITH reasons AS (SELECT domain, field, label FROM fields WHERE field = concat(domain, 'reasnd')),
results AS (SELECT domain, field FROM fields WHERE field = concat(domain, 'orres'))
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, i.value, o.value AS result
FROM   items AS i
JOIN   reasons AS r ON r.domain = i.domain AND r.field = i.field
JOIN   results AS x ON x.domain = i.domain
JOIN   items AS o ON o.domain = i.domain AND o.record_key = i.record_key AND o.field = x.field
WHERE  NOT blank(i.value)
AND    NOT blank(o.value)
AND    NOT unknown_text(o.value)
