/*
title:    Queries to raise
params:   again = false
optional: queries.query_id, queries.response

Findings with action query that are present, that no open or answered query is about, and that no reviewer has settled. Of findings that one
query serves (one_query in targets.sql) the most severe stands for all; also_serves names the checks of the others. exported_on says when one
went into a query upload file before; it is asked again only when its query was closed or cancelled and the finding came back or now reads
otherwise. $again = true gives the other exported ones too. query_id, query_status and response tell of a query on the same finding that was
closed or cancelled before.
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
),
ranked AS (
    SELECT c.*, row_number() OVER (PARTITION BY one_query ORDER BY CASE severity WHEN 'critical' THEN 1 WHEN 'major' THEN 2 ELSE 3 END, check_id, finding_id) AS place
    FROM   candidates AS c
),
together AS (
    SELECT one_query, bool_or(asked) AS asked, bool_or(said) AS said, max(exported_on) AS exported_on,
           string_agg(CASE WHEN place > 1 THEN check_id END, ', ' ORDER BY place) AS also_serves
    FROM   ranked
    GROUP BY one_query
)
SELECT r.site, r.subject, r.visit, r.form, r."row", r.field, r.text, r.finding_id, r.check_id, r.severity, t.also_serves, t.exported_on,
       r.query_id, r.query_status, r.response
FROM   ranked AS r
JOIN   together AS t ON t.one_query = r.one_query
WHERE  r.place = 1 AND NOT t.asked AND ($again OR NOT t.said)
ORDER BY r.site, r.subject, r.visit, r.form, r."row", r.field, r.finding_id
