/*
title:    EDC queries
from:     queries.QUERIES

The query listing of the EDC, a row per query. It names the site in words; the number comes from demographics. Dates that are not there
stand as NA in the file and are read as empty (`missing` in study.toml).
*/
SELECT 'Q|' || id_ AS record_key, CAST(NULL AS VARCHAR) AS siteid, subjectnameoridentifier AS subjid, folderinstancename AS visit,
       ecrfpagename AS form, log AS formrow, source, dataset, source_row,
       id_ AS query_id, folderoid AS visitoid, formoid, fieldname AS field, fieldlabel,
       querystatus AS state, querytext AS text, queryresponsetext AS response, markinggroup AS marking_group, queryopenby AS opened_by,
       queryopendate AS opened, iso_date(queryopendate) AS opened_on, queryresponsedate AS answered, iso_date(queryresponsedate) AS answered_on,
       queryresolveddate AS closed, iso_date(queryresolveddate) AS closed_on, num(odays) AS odays, num(qdays) AS qdays
FROM   queries.QUERIES
