/*
title:    Date is before the subject's birth
severity: major
action:   query
message:  {page}: {label} is {value}, which is before the birth date {birth_date}. Please correct one of the dates.
items:    type = 'date'

Compared only as far as both are known. Birth dates themselves are left out, and so are pages with a
check of their own: adverse events, which can't start before consent (AE003), medical history and procedures.
*/
WITH dates AS (SELECT domain, field, label FROM fields WHERE type = 'date' AND field <> 'brthdtc' AND domain NOT IN ('ae', 'mh', 'pr'))
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, d.label, i.value, s.birth_date
FROM   items AS i
JOIN   dates AS d ON d.domain = i.domain AND d.field = i.field
JOIN   subjects AS s ON s.subjid = i.subjid
WHERE  iso_before(i.value, s.birth_date)
