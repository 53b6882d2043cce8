/*
title:    Oldest queries
params:   rows = 20
optional: queries.query_id, queries.field, queries.status, queries.action_owner, queries.opened_on, queries.waiting_days, queries.text

The open and answered queries opened longest ago; days: since the one who must act has had it.
*/
SELECT query_id, siteid AS site, subjid AS subject, concat_ws(' / ', visit, form, 'row ' || nullif(formrow, '0'), field) AS stands_on, status, action_owner,
       opened_on, waiting_days AS days, text
FROM   queries
WHERE  status IN ('open', 'answered')
ORDER BY opened_on NULLS LAST, query_id
LIMIT  $rows
