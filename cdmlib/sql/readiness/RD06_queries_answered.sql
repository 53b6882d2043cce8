/*
title:    Answered query not reviewed
owner:    DM
lines:    7
clean:    yes
optional: queries.field, queries.response, queries.action_owner

Queries that the site has answered and that nobody has closed. The owner is whoever asked, else data management.
*/
SELECT siteid, subjid, visit, form, formrow, query_id AS record_key, 'query ' || query_id || ' is answered' || coalesce(': ' || response, '') AS what,
       CASE WHEN upper(action_owner) IN ('CRA', 'MONITOR', 'FIELD MONITOR') THEN 'CRA' WHEN upper(action_owner) LIKE 'MEDICAL%' THEN 'medical'
            WHEN upper(action_owner) LIKE 'COD%' THEN 'coder' WHEN upper(action_owner) LIKE 'SAFETY%' THEN 'safety' ELSE 'DM' END AS owner
FROM   queries
WHERE  status = 'answered'
