/*
title:    EDC queries by status

One row per status of a query: how many there are, how many of them are on one known record, and how many stand beside a finding.
*/
SELECT q.status, count(*) AS queries, count(q.data_key) AS on_a_record, count(f.query_id) AS beside_a_finding
FROM   queries AS q
LEFT JOIN (SELECT DISTINCT query_id FROM findings WHERE query_id IS NOT NULL) AS f ON f.query_id = q.query_id
GROUP BY q.status
ORDER BY q.status
