/*
title:    Queries to close
optional: queries.query_id, queries.status, queries.action_owner, queries.field, queries.opened_on, queries.waiting_days, queries.text, queries.response

Queries that are still open or answered although the finding they are about is resolved, or its record left the extract, and no finding that
is present is beside the same query. The person who closes them looks at the answer first.
*/
SELECT q.query_id, q.siteid, q.subjid, q.visit, q.form, q.formrow, q.field, q.status AS query_status, q.action_owner, q.opened_on, q.waiting_days,
       q.text AS query_text, q.response, f.check_id, f.message AS finding, f.because, f.gone_on, f.finding_id
FROM   query_findings AS f
JOIN   queries AS q ON q.query_id = f.query_id
WHERE  f.gone AND q.status IN ('open', 'answered')
AND    NOT EXISTS (SELECT 1 FROM query_findings AS other WHERE other.query_id = f.query_id AND NOT other.gone)
QUALIFY row_number() OVER (PARTITION BY q.query_id ORDER BY f.finding_id) = 1
ORDER BY q.siteid, q.subjid, q.opened_on NULLS LAST, q.query_id
