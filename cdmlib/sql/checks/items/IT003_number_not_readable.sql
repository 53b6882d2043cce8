/*
title:    Number can't be read
severity: minor
action:   query
message:  {page}: {label} is {value}, which is not a number. Please enter a number, with the unit in its own field.

The collected text is there but its derived number is empty. Results of laboratory, electrocardiogram and questionnaires may be texts and are
left out (see LB002), and so are doses of concomitant medication, which may be ranges and combinations. Texts for not known or not done are accepted.
*/
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, f.label, i.value
FROM   items AS i
JOIN   fields AS f ON f.domain = i.domain AND f.collected = i.field AND f.type IN ('number', 'integer')
JOIN   items AS d ON d.domain = i.domain AND d.record_key = i.record_key AND d.field = f.field AND d.value IS NULL
WHERE  i.domain NOT IN ('lb', 'eg', 'qs', 'cm')
AND    NOT blank(i.value)
AND    NOT unknown_text(i.value)
