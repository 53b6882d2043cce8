/*
title:    Queries to raise
params:   again = false
optional: queries.query_id, queries.response

Findings with action query that are present, that no open or answered query is about, and that no reviewer has settled. Of findings that one
query asks for together, one stands for all. exported_on says when one went into a query upload file before; it is asked again only when its
query was closed or cancelled and the finding came back or now reads otherwise. $again = true gives the other exported ones too. query_id,
query_status and response tell of a query that was closed or cancelled on the same finding before.
*/
WITH candidates AS (
    SELECT f.finding_id, f.check_id, f.severity, coalesce(t.siteid, f.siteid) AS site, f.subjid AS subject, t.visit, t.form, t.formrow AS "row", t.field,
           f.message AS text, f.query_id, f.query_status, q.response, e.exported_on, t.one_query, coalesce(f.query_status, '') IN ('open', 'answered') AS asked,
           e.finding_id IS NOT NULL AND NOT (coalesce(f.query_status, '') IN ('closed', 'cancelled') AND (coalesce(f.status, '') = 'reappeared' OR e.text <> f.message)) AS said
    FROM   query_findings AS f
    JOIN   query_targets AS t ON t.finding_id = f.finding_id
    LEFT JOIN query_said AS e ON e.finding_id = f.finding_id
    LEFT JOIN queries AS q ON q.query_id = f.query_id
    WHERE  f.action = 'query' AND NOT f.gone AND NOT f.settled
)
SELECT site, subject, visit, form, "row", field, text, finding_id, check_id, severity, exported_on, query_id, query_status, response
FROM   candidates
QUALIFY NOT bool_or(asked OR (said AND NOT $again)) OVER (PARTITION BY one_query)
    AND row_number() OVER (PARTITION BY one_query ORDER BY finding_id) = 1
ORDER BY site, subject, visit, form, "row", field, finding_id
