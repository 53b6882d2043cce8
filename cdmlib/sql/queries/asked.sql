/*
title:    EDC queries by the names of what they are on
optional: queries.opened_on, queries.text, queries.field, queries.fieldlabel, queries.visitoid, queries.formoid

One row per query with the names of its place and field as matching compares them, and on how many records it can be: those of the subject
on which nothing that the listing says of visit, form, row and field differs. With one, data_key is that record, unless the field is one of
several rows that a table file makes of one record. Row 0 of a listing means that the form has no rows,
and an identifier of figures only (REDCap's event_id) is no name.
*/
WITH known AS (SELECT DISTINCT name FROM query_names),
asked AS (
    SELECT q.query_id, q.status, q.opened_on, q.subjid, q.text, lower(regexp_replace(trim(q.text), '\s+', ' ', 'g')) AS words,
           CASE WHEN k.name IS NULL THEN coalesce(plain_name(q.fieldlabel), plain_name(q.field)) ELSE k.name END AS name,
           [plain_name(q.visit), CASE WHEN num(q.visitoid) IS NULL THEN plain_name(q.visitoid) END] AS visits,
           [plain_name(q.form), CASE WHEN num(q.formoid) IS NULL THEN plain_name(q.formoid) END] AS forms,
           [nullif(plain_row(q.formrow), '0')] AS formrows
    FROM   queries AS q
    LEFT JOIN known AS k ON k.name = plain_name(q.field)
),
located AS (
    SELECT a.query_id, count(DISTINCT (r.domain, r.place)) AS records,
           CASE WHEN count(DISTINCT r.record_key) = 1 THEN min(r.record_key) END AS data_key
    FROM   asked AS a
    JOIN   (SELECT DISTINCT domain, name, test FROM query_names) AS n ON n.name = a.name
    JOIN   query_records AS r ON r.subjid = a.subjid AND r.domain = n.domain AND (n.test IS NULL OR n.test = r.test)
    WHERE  same_place(a.visits, [plain_name(r.visit)])
    AND    same_place(a.forms, [plain_name(r.form), plain_name(r.dataset), plain_name(r.domain)])
    AND    same_place(a.formrows, [plain_row(r.formrow)])
    GROUP BY a.query_id
)
SELECT a.query_id, a.status, a.opened_on, a.subjid, a.text, a.words, a.name, a.visits, a.forms, a.formrows, coalesce(l.records, 0) AS records, l.data_key
FROM   asked AS a
LEFT JOIN located AS l ON l.query_id = a.query_id
