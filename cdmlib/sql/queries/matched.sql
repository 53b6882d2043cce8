/*
title:    EDC queries matched to findings

One row per finding that an EDC query is about, and how it was found: by text or by field. Reads temporary tables that cdmlib/queries.py
fills: query_asked (asked.sql), query_records (the records of the clinical tables and where they stand), query_names (the names that the EDC
may give to a standard column), query_fields (the columns that a check is about, in order), query_targets (targets.sql) and query_said (texts
exported for a finding before).
A query is about a finding of the same subject when nothing that both say of visit, form and row differs, and
1. its text holds the finding's text, or one that was exported for it; or else
2. it is on a field that the check is about, what the listing says of place and field fits no more than one record, and it was not opened
   after the finding had gone. A listing without row numbers says too little of a form with several rows: there a query is matched by its
   text only.
Each query serves one finding: by text before by field; then the field that comes first in the check; then a finding that is present before
one that is gone; then the text most alike; then check and finding id. With it, it serves the findings that go to the same field of the same
row (one_query in targets.sql): a field is asked one thing at a time.
A finding shows one query: an open one first, then answered, closed, cancelled; then one that serves it first of all; then one found by
text; then the one opened last. So a query may stand beside several findings; queries are counted in the table queries, each once.
*/
WITH found AS (
    SELECT f.finding_id, f.check_id, f.subjid, f.gone, f.field, r.domain, r.test, lower(regexp_replace(trim(f.message), '\s+', ' ', 'g')) AS words,
           lower(regexp_replace(trim(s.text), '\s+', ' ', 'g')) AS said,
           [plain_name(coalesce(f.visit, r.visit))] AS visits, [plain_name(coalesce(f.form, r.form)), plain_name(r.dataset), plain_name(r.domain)] AS forms,
           [plain_row(coalesce(f.formrow, r.formrow))] AS formrows,
           f.gone_on, t.one_query
    FROM   query_findings AS f
    LEFT JOIN query_records AS r ON r.record_key = f.record_key AND r.subjid = f.subjid AND f.domain IN (r.domain, 'items', 'coding')
    JOIN   query_targets AS t ON t.finding_id = f.finding_id
    LEFT JOIN query_said AS s ON s.finding_id = f.finding_id
    QUALIFY row_number() OVER (PARTITION BY f.finding_id ORDER BY r.domain) = 1
),
about AS (  -- the names by which the EDC may know the fields that a finding is about
    SELECT f.finding_id, n.name, min(c.place) AS place
    FROM   found AS f
    JOIN   query_fields AS c ON c.check_id = f.check_id
    JOIN   query_names AS n ON n.domain = coalesce(c.domain, f.domain) AND n.field = coalesce(c.field, f.field)
    WHERE  n.test IS NULL OR f.test IS NULL OR n.test = f.test
    GROUP BY f.finding_id, n.name
),
pairs AS (
    SELECT a.query_id, a.status, a.opened_on, a.words, f.finding_id, f.check_id, f.gone, f.one_query, f.words AS asks,
           coalesce(position(f.words IN a.words) > 0, false) OR coalesce(position(f.said IN a.words) > 0, false) AS by_text,
           CASE WHEN a.records <= 1 AND NOT coalesce(left(a.opened_on, 10) > f.gone_on, false) THEN b.place END AS place
    FROM   query_asked AS a
    JOIN   found AS f ON f.subjid = a.subjid AND same_place(a.visits, f.visits) AND same_place(a.forms, f.forms) AND same_place(a.formrows, f.formrows)
    LEFT JOIN about AS b ON b.finding_id = f.finding_id AND b.name = a.name
),
best AS (
    SELECT query_id, status, opened_on, finding_id, one_query, CASE WHEN by_text THEN 'text' ELSE 'field' END AS found_by
    FROM   pairs
    WHERE  by_text OR place IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY query_id ORDER BY by_text DESC, place, gone, jaro_winkler_similarity(words, asks) DESC NULLS LAST,
                                                              check_id, finding_id) = 1
),
serves AS (
    SELECT f.finding_id, b.query_id, b.status, b.opened_on, b.found_by, f.finding_id <> b.finding_id AS beside
    FROM   best AS b
    JOIN   found AS f ON f.one_query = b.one_query AND NOT coalesce(left(b.opened_on, 10) > f.gone_on, false)
)
SELECT finding_id, query_id, status, found_by
FROM   serves
QUALIFY row_number() OVER (PARTITION BY finding_id ORDER BY CASE status WHEN 'open' THEN 1 WHEN 'answered' THEN 2 WHEN 'closed' THEN 3 ELSE 4 END,
                                                            beside, found_by DESC, opened_on DESC NULLS LAST, query_id) = 1
ORDER BY finding_id
