/*
title:    Page not locked
owner:    DM
lines:    32

Entered pages that are not locked in the EDC.
*/
SELECT siteid, subjid, visit, form, formrow, record_key, 'page ' || coalesce(form, '') || ' is not locked' AS what
FROM   pages
WHERE  locked IS DISTINCT FROM 'Y' AND entered = 'Y'
