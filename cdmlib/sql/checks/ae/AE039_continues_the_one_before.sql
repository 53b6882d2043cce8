/*
title:    Adverse event continues one of the same term
severity: minor
action:   query
params:   max_days = 1
message:  Adverse event {aeterm}, started {aestdtc}: an event with the same term and severity ended on {earlier_end}. Please enter one
          record if it is a single event, or correct the dates if it is not.
field:    aestdtc, aeendtc
optional: ae.aespid, ae.aesev, ae.aeser, ae.aetoxgr

Reported when the later event starts at most max_days after the end of the earlier one. Records whose severity, grade or seriousness differ
are meant to be separate in many studies and are not reported, nor are overlapping ones (AE010). An event repeated at several visits under
its own number is one event. Only full dates are compared.
*/
WITH events AS (
    SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, upper(trim(aeterm)) AS term, min(aeterm) AS aeterm, min(aespid) AS aespid,
           min(aestdtc) AS aestdtc, nullif(max(coalesce(aeendtc, '')), '') AS aeendtc,
           min(concat_ws('|', coalesce(upper(trim(aesev)), ''), coalesce(trim(aetoxgr), ''), coalesce(aeser, ''))) AS grade
    FROM   ae
    WHERE  NOT blank(aeterm)
    AND    iso_full(aestdtc)
    GROUP BY subjid, upper(trim(aeterm)), event_key(record_key, aespid)
)
SELECT later.record_key, later.siteid, later.subjid, later.aespid, later.aeterm, later.aestdtc, later.aeendtc,
       earlier.record_key AS other_record_key, earlier.aeendtc AS earlier_end
FROM   events AS later
JOIN   events AS earlier ON earlier.subjid = later.subjid AND earlier.term = later.term AND earlier.grade = later.grade AND earlier.record_key <> later.record_key
WHERE  iso_days(earlier.aeendtc, later.aestdtc) BETWEEN 0 AND $max_days
AND    earlier.aestdtc < later.aestdtc
QUALIFY row_number() OVER (PARTITION BY later.record_key ORDER BY earlier.aeendtc DESC, earlier.record_key) = 1
