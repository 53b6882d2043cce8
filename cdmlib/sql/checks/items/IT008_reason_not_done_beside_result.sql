/*
title:    Reason not done is given beside a result
severity: minor
action:   query
message:  {page}: the reason for not doing it is {value}, but the result {result} is entered. Please keep the reason or the result, and remove the other.
items:    field IN (concat(domain, 'reasnd'), concat(domain, 'orres'))

One record is looked at, in every domain that has a reason not done and a result; a page that is answered as a whole has no result of its own.
*/
WITH wanted AS (
    SELECT domain, field, field = concat(domain, 'reasnd') AS is_reason
    FROM   fields
    WHERE  field IN (concat(domain, 'reasnd'), concat(domain, 'orres'))
),
seen AS MATERIALIZED (
    SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, i.domain, i.field, i.value, w.is_reason
    FROM   items AS i
    JOIN   wanted AS w ON w.domain = i.domain AND w.field = i.field
    WHERE  i.value <> ''
)
SELECT r.record_key, r.siteid, r.subjid, r.visit, r.form, concat_ws(' ', coalesce(nullif(trim(r.form), ''), form_name(r.domain)), r.visit) AS page,
       r.domain, r.field, r.value, o.value AS result
FROM   seen AS r
JOIN   seen AS o ON o.domain = r.domain AND o.record_key = r.record_key AND NOT o.is_reason
WHERE  r.is_reason
AND    NOT blank(r.value)
AND    NOT blank(o.value)
AND    NOT unknown_text(o.value)
