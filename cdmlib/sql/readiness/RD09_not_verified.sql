/*
title:    Source data not verified
owner:    CRA
lines:    10

Entered pages that need source data verification and are not verified.
*/
SELECT siteid, subjid, visit, form, formrow, record_key, 'page ' || coalesce(form, '') || ' is not verified' AS what
FROM   pages
WHERE  verify_required = 'Y' AND verified IS DISTINCT FROM 'Y' AND entered = 'Y'
