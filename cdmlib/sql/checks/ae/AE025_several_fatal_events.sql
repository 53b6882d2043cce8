/*
title:    More than one adverse event with fatal outcome
severity: major
action:   query
message:  Adverse event {aeterm} from {aestdtc} has a fatal outcome, and so has {other_term} from {other_start}. Please keep the fatal
          outcome for the event that caused death, and correct the other one.
field:    aeout
optional: ae.aespid

Of several fatal events the first one by start date is named in the others' findings. An event repeated at several visits under its own
number is one event. Where the protocol allows several causes of death, switch the check off.
*/
WITH fatal AS (
    SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, min(aespid) AS aespid, min(aeterm) AS aeterm,
           min(nullif(aestdtc, '')) AS aestdtc, min(aeout) AS aeout
    FROM   ae
    WHERE  fatal_outcome(aeout)
    GROUP BY subjid, event_key(record_key, aespid)
),
placed AS (
    SELECT record_key, siteid, subjid, aespid, aeterm, aestdtc, aeout,
           first_value(record_key) OVER (PARTITION BY subjid ORDER BY aestdtc NULLS LAST, record_key) AS first_key
    FROM   fatal
)
SELECT p.record_key, p.siteid, p.subjid, p.aespid, p.aeterm, p.aestdtc, p.aeout, f.aeterm AS other_term, f.aestdtc AS other_start
FROM   placed AS p
JOIN   fatal AS f ON f.subjid = p.subjid AND f.record_key = p.first_key
WHERE  p.record_key <> p.first_key
