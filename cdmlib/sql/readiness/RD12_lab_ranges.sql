/*
title:    Laboratory name or reference range missing
owner:    DM
lines:    15
listing:  lab range
optional: edc_issues.what

Open issues of the EDC's listing of missing laboratory names, ranges and units.
*/
SELECT siteid, subjid, visit, form, formrow, record_key, coalesce(what, 'laboratory name or range missing') AS what
FROM   edc_issues
WHERE  kind = 'lab range'
