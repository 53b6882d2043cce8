/*
title:    Where a query on a finding goes

One row per finding: site, visit, form, row and field as the EDC knows them. The field is the first that the check is about, by its name in
the EDC: the source column in the study's table file, else the field named by the test, else the collected column of the standard. The place
is that of the record; for a finding on a subject or visit it is that of the only record that has the field, if there is one.
one_query: findings that share it go to the same field of the same row of the extract. A field is asked one thing at a time, so one query
serves them all: six results of a page that is marked `not done`, or two checks that miss the same date.
*/
WITH found AS (
    SELECT f.finding_id, f.check_id, f.siteid, f.subjid, coalesce(f.visit, r.visit) AS visit, coalesce(f.form, r.form) AS form,
           coalesce(f.formrow, r.formrow) AS formrow, f.field, r.domain, r.test, r.place
    FROM   query_findings AS f
    LEFT JOIN query_records AS r ON r.record_key = f.record_key AND r.subjid = f.subjid AND f.domain IN (r.domain, 'items', 'coding')
    QUALIFY row_number() OVER (PARTITION BY f.finding_id ORDER BY r.domain) = 1
),
named AS (
    SELECT f.finding_id, n.domain, n.written
    FROM   found AS f
    JOIN   query_fields AS c ON c.check_id = f.check_id
    JOIN   query_names AS n ON n.domain = coalesce(c.domain, f.domain) AND n.field = coalesce(c.field, f.field)
    WHERE  n.test IS NULL OR f.test IS NULL OR n.test = f.test
    QUALIFY row_number() OVER (PARTITION BY f.finding_id ORDER BY c.place, n.rank, n.written) = 1
),
elsewhere AS (
    SELECT f.finding_id, min(r.visit) AS visit, min(r.form) AS form, min(r.formrow) AS formrow, min(r.place) AS place
    FROM   found AS f
    JOIN   named AS n ON n.finding_id = f.finding_id
    JOIN   query_records AS r ON r.domain = n.domain AND r.subjid = f.subjid AND (f.visit IS NULL OR f.visit = r.visit)
    WHERE  f.place IS NULL AND (f.form IS NULL OR f.form = r.form)
    GROUP BY f.finding_id
    HAVING count(DISTINCT r.place) = 1
)
SELECT f.finding_id, f.siteid, f.subjid, coalesce(f.visit, e.visit) AS visit, coalesce(f.form, e.form) AS form, coalesce(f.formrow, e.formrow) AS formrow,
       n.written AS field, coalesce(coalesce(f.place, e.place) || '|' || n.written, f.finding_id) AS one_query
FROM   found AS f
LEFT JOIN named AS n ON n.finding_id = f.finding_id
LEFT JOIN elsewhere AS e ON e.finding_id = f.finding_id
ORDER BY f.finding_id
