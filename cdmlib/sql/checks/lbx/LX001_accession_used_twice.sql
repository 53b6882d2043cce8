/*
title:    Accession number stands for two samples
severity: critical
action:   review
message:  Laboratory: the accession number {accession} stands for {samples}. Have the laboratory say whose sample it is.
optional: lbx.collected

Two subjects, visits or collection dates under one number. A number that is left empty is none.
*/
WITH used AS (
    SELECT accession, min(record_key) AS record_key, min(siteid) AS siteid, min(subjid) AS subjid, min(visit) AS visit,
           string_agg(DISTINCT concat_ws(', ', 'subject ' || coalesce(subjid, '(blank)'), visit, coalesce(collected_on, collected)), ' and ' ORDER BY concat_ws(', ', 'subject ' || coalesce(subjid, '(blank)'), visit, coalesce(collected_on, collected))) AS samples,
           count(DISTINCT concat_ws('|', coalesce(subjid, ''), coalesce(visit, ''), coalesce(collected_on, collected, ''))) AS n
    FROM   lbx
    WHERE  NOT blank(accession)
    GROUP BY accession
)
SELECT record_key, siteid, subjid, visit, accession, samples
FROM   used
WHERE  n > 1
