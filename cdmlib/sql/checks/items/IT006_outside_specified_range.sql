/*
title:    Number is outside the range of the specification
severity: minor
action:   query
message:  {page}: {label} is {value}, but {limits} is expected. Please correct the value, or confirm it.
items:    low IS NOT NULL OR high IS NOT NULL

For fields with a lowest or highest plausible value in the study's specification; both are allowed values. What is no number is left to
IT003 and IT010. Limits that differ by test or by visit can't be given there.
*/
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.form, concat_ws(' ', coalesce(nullif(trim(i.form), ''), form_name(i.domain)), i.visit) AS page,
       i.domain, i.field, f.label, i.value,
       CASE WHEN f.high IS NULL THEN 'at least ' || printf('%g', f.low) WHEN f.low IS NULL THEN 'at most ' || printf('%g', f.high)
            ELSE printf('%g', f.low) || ' to ' || printf('%g', f.high) END AS limits
FROM   items AS i
JOIN   fields AS f ON f.domain = i.domain AND f.field = i.field AND (f.low IS NOT NULL OR f.high IS NOT NULL)
WHERE  num(i.value) < f.low
OR     num(i.value) > f.high
