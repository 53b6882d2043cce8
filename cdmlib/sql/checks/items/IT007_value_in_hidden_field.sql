/*
title:    Value in a field that is not asked
severity: minor
action:   query
message:  {page}: {label} is {value}, but {other_label} is {other_value} and the field is then to be left empty. Please correct one of them.
items:    NOT blank(shown_field) OR (domain, field) IN (SELECT domain, shown_field FROM fields WHERE NOT blank(shown_field))

For fields of which the study's specification says that they are asked only when another field of the record has a certain value. When that other
field is empty the value is reported too.
*/
WITH dependent AS (
    SELECT f.domain, f.field, f.label, f.shown_field, f.shown_values, o.label AS other_label
    FROM   fields AS f
    LEFT JOIN fields AS o ON o.domain = f.domain AND o.field = f.shown_field
    WHERE  NOT blank(f.shown_field)
)
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, d.label, i.value, coalesce(d.other_label, d.shown_field) AS other_label, o.value AS other_value
FROM   items AS i
JOIN   dependent AS d ON d.domain = i.domain AND d.field = i.field
JOIN   items AS o ON o.domain = i.domain AND o.record_key = i.record_key AND o.field = d.shown_field
WHERE  NOT blank(i.value)
AND    coalesce(in_list(o.value, d.shown_values), false) = false
