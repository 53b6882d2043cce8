/*
title:    EDC queries
optional: edc_queries, subjects

One row per query of the EDC, whatever the layout of its listing; a listing with a row per change of status (Viedoc Queries, REDCap data
resolution) is folded, the last row giving the status. Rows that are no query (REDCap VERIFIED, DEVERIFIED) are left out.
- status: open (the site must act), answered (we must act), closed or cancelled; macro query_status has the words of each system. A word that
  is not known goes by the dates: closed when there is a closing date, else answered when there is an answer, else open. In a listing with a
  row per change, an open query whose last row is a response counts as answered (REDCap has no word for it).
- query_id is the listing's number, else built from what the query is on, when it was opened and its text.
- siteid is the site of the subject, else what the listing says.
- age_days is the age by status, as RhoInc's query-overview counts it: opened to the cut-off date when open, opened to the response when
  answered, opened to the end when closed or cancelled. waiting_days is how long the one who must act has had it: since it was opened when
  open, since the response when answered. All in whole calendar days, and empty when a date is not known to the day.
  Held against RhoInc's public listing of 5,000 queries: its odays is the time from opening to the day it was taken, 2016-12-31, whatever the
  status; its qdays is age_days, equal for all 5,000 rows at that cut-off date. At another cut-off date open queries differ by the days between.
- age_bucket: 0-7, 8-14, 15-21, 22-28, >28; a boundary day belongs to the younger bucket (7 days is 0-7). `not known` when the age is empty
  or negative, as with a query opened after the cut-off date.
- action_owner: who the listing names; else for an open query the one it goes to (`Site from DM`: Site), for an answered one whoever raised it,
  and data management for what the system raised. Empty when closed or cancelled.
- data_key is the record that the query is on. It is filled when findings are matched.
*/
WITH lines AS (
    SELECT record_key, siteid, subjid, visit, form, formrow, source, dataset, source_row, visitoid, formoid, field, fieldlabel, state, text,
           nullif(trim(response), '') AS response, marking_group, owner, opened_by, opened_on, answered_on, closed_on, changed_on,
           coalesce(nullif(trim(query_id), ''), record_key) AS query_id,
           CASE
               WHEN query_status(state) = 'open' AND NOT blank(response) AND NOT blank(changed_on) THEN 'answered'
               ELSE coalesce(query_status(state), CASE WHEN NOT blank(closed_on) THEN 'closed' WHEN NOT blank(answered_on) THEN 'answered' ELSE 'open' END)
           END AS status
    FROM   edc_queries
    WHERE  upper(trim(coalesce(state, ''))) NOT IN ('VERIFIED', 'DEVERIFIED')
),
ordered AS (
    SELECT l.*, row_number() OVER (PARTITION BY source, dataset, query_id ORDER BY changed_on, source_row, record_key) AS place,
           count(*) OVER (PARTITION BY source, dataset, query_id) AS places
    FROM   lines AS l
),
history AS (  -- what the rows of one query say together; a query that was asked again counts from its first opening
    SELECT source, dataset, query_id, min_by(record_key, place) AS record_key, min_by(source_row, place) AS source_row,
           min_by(text, place) AS text, max_by(response, place) AS response, min_by(opened_by, place) AS opened_by,
           min_by(marking_group, place) AS marking_group,
           min(coalesce(opened_on, changed_on)) AS opened_on,
           coalesce(max(answered_on), max(CASE WHEN status = 'answered' THEN changed_on END)) AS answered_on,
           coalesce(max(closed_on), max(CASE WHEN status IN ('closed', 'cancelled') THEN changed_on END)) AS closed_on
    FROM   ordered
    GROUP BY source, dataset, query_id
),
known AS (
    SELECT h.record_key, coalesce(s.siteid, l.siteid) AS siteid, l.subjid, l.visit, l.form, l.formrow, l.source, l.dataset, h.source_row,
           l.query_id, l.visitoid, l.formoid, l.field, l.fieldlabel, l.status, l.state, h.text, h.response, h.marking_group,
           coalesce(query_sender(h.marking_group), query_party(h.opened_by)) AS origin, h.opened_by,
           nullif(h.opened_on, '') AS opened_on, nullif(h.answered_on, '') AS answered_on,
           CASE WHEN l.status IN ('closed', 'cancelled') THEN nullif(h.closed_on, '') END AS closed_on,
           query_party(l.owner) AS named_owner
    FROM   ordered AS l
    JOIN   history AS h ON h.query_id = l.query_id AND h.source IS NOT DISTINCT FROM l.source AND h.dataset IS NOT DISTINCT FROM l.dataset
    LEFT JOIN subjects AS s ON s.subjid = l.subjid
    WHERE  l.place = l.places
),
aged AS (
    SELECT k.*, CASE status WHEN 'open' THEN iso_days(opened_on, $as_of) WHEN 'answered' THEN iso_days(opened_on, answered_on)
                            ELSE iso_days(opened_on, closed_on) END AS age_days
    FROM   known AS k
)
SELECT record_key, siteid, subjid, visit, form, formrow, source, dataset, source_row, query_id, CAST(NULL AS VARCHAR) AS data_key, visitoid, formoid,
       field, fieldlabel, status, state, text, response, marking_group, origin, opened_by, opened_on, answered_on, closed_on, age_days,
       CASE status WHEN 'open' THEN iso_days(opened_on, $as_of) WHEN 'answered' THEN iso_days(answered_on, $as_of) END AS waiting_days,
       iso_days(opened_on, answered_on) AS response_days, iso_days(opened_on, closed_on) AS closing_days,
       CASE WHEN age_days BETWEEN 0 AND 7 THEN '0-7' WHEN age_days BETWEEN 8 AND 14 THEN '8-14' WHEN age_days BETWEEN 15 AND 21 THEN '15-21'
            WHEN age_days BETWEEN 22 AND 28 THEN '22-28' WHEN age_days > 28 THEN '>28' ELSE 'not known' END AS age_bucket,
       CASE status WHEN 'open' THEN coalesce(named_owner, query_recipient(marking_group), 'Site')
                   WHEN 'answered' THEN coalesce(named_owner, CASE WHEN origin NOT IN ('System', 'Site') THEN origin END, 'Data management') END AS action_owner
FROM   aged
ORDER BY siteid, subjid, opened_on NULLS LAST, record_key
