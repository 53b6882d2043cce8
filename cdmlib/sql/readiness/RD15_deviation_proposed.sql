/*
title:    Protocol deviation not confirmed
owner:    CRA
lines:    19
listing:  deviation
optional: edc_issues.what

Deviations of the EDC's listing that are proposed and not confirmed.
*/
SELECT siteid, subjid, visit, form, formrow, record_key, concat_ws(' ', 'deviation', what, 'is', lower(state)) AS what
FROM   edc_issues
WHERE  kind = 'deviation' AND upper(coalesce(state, '')) NOT LIKE '%CONFIRMED%'
