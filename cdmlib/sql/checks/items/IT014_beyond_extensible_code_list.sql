/*
title:    Value is beyond a code list that may be added to
severity: minor
action:   review
message:  {page}: {label} is {value} in {records} records, which is not in its code list. Please find out whether one of the list says the same ({permitted}), or add the value
          to the study's list.
items:    extensible = 'Y'

The list is extensible, so such a value may be right. One finding for each value of a field, on the first of its records. Compared without regard to case and spaces at the ends.
*/
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, f.label, i.value, list_words(f.codelist) AS permitted,
       count(*) OVER (PARTITION BY i.domain, i.field, upper(trim(i.value))) AS records
FROM   items AS i
JOIN   fields AS f ON f.domain = i.domain AND f.field = i.field AND NOT blank(f.codelist) AND f.extensible = 'Y'
WHERE  NOT blank(i.value)
AND    (strpos('|' || upper(f.codelist) || '|', '|' || upper(trim(i.value)) || '|') = 0 OR strpos(i.value, '|') > 0)
QUALIFY row_number() OVER (PARTITION BY i.domain, i.field, upper(trim(i.value)) ORDER BY i.siteid, i.subjid, i.record_key) = 1
