/*
title:    Same medication entered twice for overlapping dates
severity: minor
action:   query
message:  Medication {cmtrt}, dose {dose}, from {cmstdtc} to {cmendtc}: it is also entered with dose {other_dose} from {other_start} to
          {other_end}. Please remove one of the records, or correct the dates.
field:    cmtrt, cmstdtc, cmendtc
optional: cm.cmspid, cm.cmindc, cm.cmroute, cm.cmdstxt, cm.cmdose, cm.cmdosfrq

The same name, and indication, route and frequency that do not differ, starting on the same date or before the other one ends. A record
that ends on the day another starts is no overlap, and a medication repeated at several visits under its own number is one. Of a pair the
one that starts later is reported. A new dose without an end of the old one is meant to be reported. It does not catch one
medication under two names.
*/
WITH medications AS (
    SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, upper(trim(cmtrt)) AS name, min(cmtrt) AS cmtrt, min(cmspid) AS cmspid,
           min(upper(trim(cmindc))) AS indication, min(upper(trim(cmroute))) AS route, min(upper(trim(cmdosfrq))) AS frequency,
           min(coalesce(cmdstxt, CAST(cmdose AS VARCHAR))) AS dose,
           min(nullif(cmstdtc, '')) AS cmstdtc, nullif(max(coalesce(cmendtc, '')), '') AS cmendtc
    FROM   cm
    WHERE  NOT blank(cmtrt)
    GROUP BY subjid, upper(trim(cmtrt)), event_key(record_key, cmspid)
)
SELECT later.record_key, later.siteid, later.subjid, later.cmspid, later.cmtrt, later.indication, later.dose, later.frequency, later.cmstdtc,
       later.cmendtc, earlier.record_key AS other_record_key, earlier.dose AS other_dose, earlier.cmstdtc AS other_start, earlier.cmendtc AS other_end
FROM   medications AS later
JOIN   medications AS earlier
ON     earlier.subjid = later.subjid AND earlier.name = later.name
AND    coalesce(earlier.indication, later.indication, '') = coalesce(later.indication, earlier.indication, '')
AND    coalesce(earlier.route, later.route, '') = coalesce(later.route, earlier.route, '')
AND    coalesce(earlier.frequency, later.frequency, '') = coalesce(later.frequency, earlier.frequency, '')
AND    (coalesce(earlier.cmstdtc, '') < coalesce(later.cmstdtc, '')
        OR (coalesce(earlier.cmstdtc, '') = coalesce(later.cmstdtc, '') AND earlier.record_key < later.record_key))
WHERE  earlier.cmstdtc = later.cmstdtc
OR     (earlier.cmstdtc IS NULL AND later.cmstdtc IS NULL AND earlier.cmendtc IS NOT DISTINCT FROM later.cmendtc)
OR     (earlier.cmendtc IS NULL AND iso_before(earlier.cmstdtc, later.cmstdtc))
OR     (earlier.cmstdtc IS NOT NULL AND iso_before(later.cmstdtc, earlier.cmendtc))
QUALIFY row_number() OVER (PARTITION BY later.record_key ORDER BY earlier.cmstdtc NULLS FIRST, earlier.record_key) = 1
