/*
title:    One number for two adverse events
severity: minor
action:   query
message:  Adverse event number {aespid} is {aeterm} from {aestdtc}, but also {other_term} from {other_start}. Please correct one of the
          numbers, so that medications can refer to the right event.
field:    aespid

The same number with different terms for one subject. A term that is spelt differently at a later visit is reported too. Of the two the one
that starts later is reported.
*/
WITH events AS (
    SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, number_key(aespid) AS number, upper(trim(aeterm)) AS term, min(aespid) AS aespid,
           min(aeterm) AS aeterm, min(nullif(aestdtc, '')) AS aestdtc
    FROM   ae
    WHERE  NOT blank(aeterm)
    AND    number_key(aespid) IS NOT NULL
    GROUP BY subjid, number_key(aespid), upper(trim(aeterm))
),
placed AS (
    SELECT record_key, siteid, subjid, number, aespid, aeterm, aestdtc,
           first_value(record_key) OVER (PARTITION BY subjid, number ORDER BY aestdtc NULLS LAST, record_key) AS first_key
    FROM   events
)
SELECT p.record_key, p.siteid, p.subjid, p.aespid, p.aeterm, p.aestdtc, f.record_key AS other_record_key, f.aeterm AS other_term, f.aestdtc AS other_start
FROM   placed AS p
JOIN   placed AS f ON f.subjid = p.subjid AND f.record_key = p.first_key
WHERE  p.record_key <> p.first_key
