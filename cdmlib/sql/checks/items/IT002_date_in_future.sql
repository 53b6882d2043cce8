/*
title:    Date is after the cut-off date
severity: major
action:   query
message:  {page}: {label} is {value}, which is later than {as_of}, the date on which the data were taken. Please correct the date.
items:    type = 'date'

Compared only as far as the date is known. A planned date (such as an intended end of treatment) that is in the future on purpose is reported too.
*/
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, f.label, i.value, $as_of AS as_of
FROM   items AS i
JOIN   fields AS f ON f.domain = i.domain AND f.field = i.field AND f.type = 'date'
WHERE  iso_after(i.value, $as_of)
