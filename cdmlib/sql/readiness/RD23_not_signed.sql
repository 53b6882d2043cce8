/*
title:    Page not signed, or its signature broken
owner:    investigator
lines:    30
optional: pages.signature_broken

Entered pages that need the investigator's signature and have none, or one that a later change broke.
*/
SELECT siteid, subjid, visit, form, formrow, record_key, 'page ' || coalesce(form, '') || CASE WHEN signature_broken = 'Y' THEN ': signature broken' ELSE ' is not signed' END AS what
FROM   pages
WHERE  sign_required = 'Y' AND signed IS DISTINCT FROM 'Y' AND entered = 'Y'
