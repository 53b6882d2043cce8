/*
title:    Open query
owner:    site
lines:    6
clean:    yes
optional: queries.field, queries.text

Queries that wait for the site.
*/
SELECT siteid, subjid, visit, form, formrow, query_id AS record_key, 'query ' || query_id || concat_ws(' ', ' is open', CASE WHEN NOT blank(field) THEN 'on ' || field END) || coalesce(': ' || text, '') AS what
FROM   queries
WHERE  status = 'open'
