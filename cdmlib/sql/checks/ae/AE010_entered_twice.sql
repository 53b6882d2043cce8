/*
title:    Same adverse event entered twice
severity: major
action:   query
message:  Adverse event {aeterm} from {aestdtc} to {aeendtc}: the same event is also entered from {other_start} to {other_end}. Please remove one
          of the records, or correct the dates if there were two events.
field:    aeterm, aestdtc, aeendtc
optional: ae.aespid

The same term for the same subject, starting on the same date or before the other one ends. One event that ends on the day another starts
is no overlap, and an event repeated at several visits under its own number is one event. Of a pair the one that starts later is reported.
It does not catch the same event under different terms, and it does report one event at two places of the body at a time.
*/
WITH events AS (
    SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, upper(trim(aeterm)) AS term, min(aeterm) AS aeterm, min(aespid) AS aespid,
           min(aestdtc) AS aestdtc, nullif(max(coalesce(aeendtc, '')), '') AS aeendtc
    FROM   ae
    WHERE  NOT blank(aeterm)
    AND    NOT blank(aestdtc)
    GROUP BY subjid, upper(trim(aeterm)), event_key(record_key, aespid)
)
SELECT later.record_key, later.siteid, later.subjid, later.aespid, later.aeterm, later.aestdtc, later.aeendtc,
       earlier.record_key AS other_record_key, earlier.aestdtc AS other_start, earlier.aeendtc AS other_end
FROM   events AS later
JOIN   events AS earlier
ON     earlier.subjid = later.subjid AND earlier.term = later.term
AND    (earlier.aestdtc < later.aestdtc OR (earlier.aestdtc = later.aestdtc AND earlier.record_key < later.record_key))
WHERE  earlier.aestdtc = later.aestdtc
OR     (earlier.aeendtc IS NULL AND iso_before(earlier.aestdtc, later.aestdtc))
OR     iso_before(later.aestdtc, earlier.aeendtc)
QUALIFY row_number() OVER (PARTITION BY later.record_key ORDER BY earlier.aestdtc, earlier.record_key) = 1
