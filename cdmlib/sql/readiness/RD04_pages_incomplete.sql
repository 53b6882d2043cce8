/*
title:    Page entered in part
owner:    site
lines:    5
clean:    yes

Pages of which the EDC says that they are incomplete.
*/
SELECT siteid, subjid, visit, form, formrow, record_key, 'page ' || coalesce(form, '') || ' is incomplete' AS what
FROM   pages
WHERE  incomplete = 'Y' AND entered = 'Y'
