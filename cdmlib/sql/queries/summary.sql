/*
title:    EDC queries by status and by who must act
optional: queries.action_owner

How many queries there are, how many of them are on one known record, and how many stand beside a finding.
*/
SELECT q.status, coalesce(q.action_owner, '') AS action_owner, count(*) AS queries, count(q.data_key) AS on_a_record, count(f.query_id) AS beside_a_finding
FROM   queries AS q
LEFT JOIN (SELECT DISTINCT query_id FROM findings WHERE query_id IS NOT NULL) AS f ON f.query_id = q.query_id
GROUP BY q.status, coalesce(q.action_owner, '')
ORDER BY CASE q.status WHEN 'open' THEN 1 WHEN 'answered' THEN 2 WHEN 'closed' THEN 3 ELSE 4 END, action_owner
