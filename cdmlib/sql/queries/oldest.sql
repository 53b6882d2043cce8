/*
title:    Oldest queries
params:   rows = 20
optional: queries.query_id, queries.field, queries.status, queries.action_owner, queries.marking_group, queries.opened_on, queries.answered_on,
          queries.age_days, queries.waiting_days, queries.text, queries.response

The open and answered queries opened longest ago.
*/
SELECT siteid, subjid, visit, form, formrow, field, status, action_owner, marking_group, opened_on, answered_on, age_days, waiting_days, text, response, query_id
FROM   queries
WHERE  status IN ('open', 'answered')
ORDER BY opened_on NULLS LAST, query_id
LIMIT  $rows
