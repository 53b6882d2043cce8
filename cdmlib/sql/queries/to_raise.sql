/*
title:    Queries to raise
params:   again = false

Findings with action query that are present now, that no open or answered query is about, and that were not exported before. Of findings of
one check on the same place and field one stands for all. $again = true leaves out the last condition.
*/
WITH open_ones AS (
    SELECT f.finding_id, f.check_id, coalesce(t.siteid, f.siteid) AS site, f.subjid AS subject, t.visit, t.form, t.formrow AS "row", t.field, f.message AS text,
           concat_ws('|', f.check_id, f.subjid, coalesce(t.visit, ''), coalesce(t.form, ''), coalesce(t.formrow, ''), coalesce(t.field, f.finding_id)) AS one_query,
           coalesce(f.query_status, '') IN ('open', 'answered') AS asked, e.finding_id IS NOT NULL AS exported
    FROM   query_findings AS f
    JOIN   query_targets AS t ON t.finding_id = f.finding_id
    LEFT JOIN exported AS e ON e.finding_id = f.finding_id
    WHERE  f.action = 'query' AND NOT f.gone
)
SELECT site, subject, visit, form, "row", field, text, finding_id
FROM   open_ones
QUALIFY NOT bool_or(asked OR (exported AND NOT $again)) OVER (PARTITION BY one_query)
    AND row_number() OVER (PARTITION BY one_query ORDER BY finding_id) = 1
ORDER BY site, subject, visit, form, "row", field, finding_id
