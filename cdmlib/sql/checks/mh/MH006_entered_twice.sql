/*
title:    Same condition entered twice in the medical history
severity: minor
action:   query
message:  Medical history {mhterm} from {mhstdtc} to {mhendtc}: the same condition is also entered from {other_start} to {other_end}. Please
          remove one of the records, or correct the dates if there were two episodes.
field:    mhterm, mhstdtc, mhendtc
optional: mh.mhcat, mh.mhspid, mh.mhstdtc, mh.mhendtc, mh.mhongo

The same term and category, starting on the same date or before the other one ends. Of a pair the one that starts later is reported. Two
sides of the body under one term are reported too, as is a record without dates beside one with; it does not catch a condition under two
names.
*/
WITH conditions AS (
    SELECT record_key, siteid, subjid, visit, mhterm, upper(trim(mhterm)) AS term, upper(trim(coalesce(mhcat, ''))) AS category,
           nullif(mhstdtc, '') AS mhstdtc, nullif(mhendtc, '') AS mhendtc, mhongo, event_key(record_key, mhspid) AS own
    FROM   mh
    WHERE  NOT blank(mhterm)
)
SELECT later.record_key, later.siteid, later.subjid, later.visit, later.mhterm, later.mhstdtc, later.mhendtc, later.mhongo,
       earlier.record_key AS other_record_key, earlier.mhstdtc AS other_start, earlier.mhendtc AS other_end
FROM   conditions AS later
JOIN   conditions AS earlier
ON     earlier.subjid = later.subjid AND earlier.term = later.term AND earlier.category = later.category AND earlier.own <> later.own
AND    (coalesce(earlier.mhstdtc, '') < coalesce(later.mhstdtc, '')
        OR (coalesce(earlier.mhstdtc, '') = coalesce(later.mhstdtc, '') AND earlier.record_key < later.record_key))
WHERE  earlier.mhstdtc IS NOT DISTINCT FROM later.mhstdtc
OR     earlier.mhongo = 'Y'
OR     (earlier.mhstdtc IS NULL AND earlier.mhendtc IS NULL)
OR     iso_before(later.mhstdtc, earlier.mhendtc)
QUALIFY row_number() OVER (PARTITION BY later.record_key ORDER BY earlier.mhstdtc NULLS FIRST, earlier.record_key) = 1
