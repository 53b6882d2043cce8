/*
title:    Inactivated record not reviewed
owner:    DM
lines:    23
listing:  inactivated
optional: edc_issues.what, edc_issues.state

Records, forms and folders of the EDC's listing of what was inactivated whose status does not say that it was reviewed.
*/
SELECT siteid, subjid, visit, form, formrow, record_key, concat_ws(' ', 'inactivated:', form, what) AS what
FROM   edc_issues
WHERE  kind = 'inactivated' AND upper(coalesce(state, '')) NOT LIKE '%REVIEWED%'
