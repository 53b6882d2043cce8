/*
title:    Very long corrected QT interval without an adverse event
severity: critical
action:   query
params:   limit = 500, days = 14
message:  Electrocardiogram {visit}, {egdtc}: the corrected QT interval is {egorres} ms, more than {limit} ms, but no adverse event is entered for that time. Please enter the adverse event, or correct the result, or confirm that there was none.
field:    egorres
optional: ae.aeendtc

More than $limit ms by any formula, after the day of the first dose; one finding for each subject and date, on the longest. An adverse event counts when it starts no later than $days days after the recording and did not end more than $days days before it,
whatever it is; one without a start date counts. Values below 10 are read as seconds.
*/
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.egdtc, e.egtestcd, e.egorres, s.first_dose
FROM   eg AS e
JOIN   subjects AS s ON s.subjid = e.subjid
WHERE  upper(trim(e.egtestcd)) LIKE 'QTC%'
AND    CASE WHEN e.egorresn < 10 THEN 1000 * e.egorresn ELSE e.egorresn END > $limit
AND    iso_after(left(e.egdtc, 10), s.first_dose)
AND    NOT EXISTS (SELECT 1 FROM ae AS a
                   WHERE  a.subjid = e.subjid
                   AND    NOT blank(a.aeterm)
                   AND    NOT coalesce(iso_after(a.aestdtc, coalesce(iso_plus(e.egdtc, $days), e.egdtc)), false)
                   AND    NOT coalesce(iso_before(a.aeendtc, coalesce(iso_plus(e.egdtc, -$days), e.egdtc)), false))
QUALIFY row_number() OVER (PARTITION BY e.subjid, left(e.egdtc, 10) ORDER BY e.egorresn DESC, e.record_key) = 1
