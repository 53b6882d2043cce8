/*
title:    Value is not in the code list
severity: major
action:   query
message:  {page}: {label} is {value}, which is not one of the permitted answers ({permitted}). Please choose one of them.
items:    NOT blank(codelist)

Compared without regard to case and spaces at the ends. Empty values are another check, and so are values beyond a list that may be added to (IT014).
*/
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, f.label, i.value, list_words(f.codelist) AS permitted
FROM   items AS i
JOIN   fields AS f ON f.domain = i.domain AND f.field = i.field AND NOT blank(f.codelist) AND f.extensible IS DISTINCT FROM 'Y'
WHERE  NOT blank(i.value)
AND    (strpos('|' || upper(f.codelist) || '|', '|' || upper(trim(i.value)) || '|') = 0 OR strpos(i.value, '|') > 0)
