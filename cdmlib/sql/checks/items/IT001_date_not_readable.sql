/*
title:    Date can't be read
severity: major
action:   query
message:  {page}: {label} is {value}, which is not a date. Please enter the date, as far as it is known.

The collected text is there but its derived date is empty: a day that the calendar lacks, a year of two figures, another order of day and month than
the transfer specification says. Texts for not known or not done (UN UNK UNKN, ND) are answers and not reported.
*/
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, f.label, i.value
FROM   items AS i
JOIN   fields AS f ON f.domain = i.domain AND f.collected = i.field AND f.type = 'date'
JOIN   items AS d ON d.domain = i.domain AND d.record_key = i.record_key AND d.field = f.field AND d.value IS NULL
WHERE  NOT blank(i.value)
AND    NOT unknown_text(i.value)
