/*
title:    Page not frozen
owner:    DM
lines:    31

Entered pages that are not frozen in the EDC.
*/
SELECT siteid, subjid, visit, form, formrow, record_key, 'page ' || coalesce(form, '') || ' is not frozen' AS what
FROM   pages
WHERE  frozen IS DISTINCT FROM 'Y' AND entered = 'Y'
