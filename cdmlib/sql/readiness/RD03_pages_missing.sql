/*
title:    Expected page not entered
owner:    site
lines:    4
clean:    yes

Pages that are expected by the cut-off date and not entered.
*/
SELECT siteid, subjid, visit, form, formrow, record_key, 'page ' || coalesce(form, '') || ' is not entered' AS what
FROM   pages
WHERE  expected = 'Y' AND entered = 'N'
