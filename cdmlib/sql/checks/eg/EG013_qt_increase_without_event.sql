/*
title:    Large increase of the corrected QT interval without an adverse event
severity: major
action:   review
params:   ms = 60, days = 14, limit = 500
message:  Electrocardiogram {visit}, {egdtc}: the corrected QT interval is {egorres} ms, {increase} ms more than {baseline} on {baseline_date} before treatment, but no adverse event is entered for that time. Please find out whether there was one.
field:    egorres

More than $ms ms above the last value of the same formula on or before the day of the first dose; where it was recorded several times that day the mean counts. A value above $limit is left to EG012. One finding for each subject and formula, on the
largest increase. An adverse event counts as in EG012, by its start within $days days after the recording.
*/
WITH corrected AS (
    SELECT e.record_key, e.siteid, e.subjid, e.visit, e.egdtc, upper(trim(e.egtestcd)) AS testcd, e.egorres,
           CASE WHEN e.egorresn < 10 THEN 1000 * e.egorresn ELSE e.egorresn END AS value, iso_after(left(e.egdtc, 10), s.first_dose) AS treated
    FROM   eg AS e
    JOIN   subjects AS s ON s.subjid = e.subjid
    WHERE  upper(trim(e.egtestcd)) LIKE 'QTC%'
    AND    e.egorresn > 0
    AND    iso_full(e.egdtc)
    AND    NOT blank(s.first_dose)
),
baselines AS (
    SELECT subjid, testcd, left(egdtc, 10) AS baseline_date, avg(value) AS baseline
    FROM   corrected
    WHERE  NOT treated
    GROUP BY subjid, testcd, left(egdtc, 10)
    QUALIFY row_number() OVER (PARTITION BY subjid, testcd ORDER BY left(egdtc, 10) DESC) = 1
)
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.egdtc, c.testcd, c.egorres, round(b.baseline, 0) AS baseline, b.baseline_date, round(c.value - b.baseline, 0) AS increase
FROM   corrected AS c
JOIN   baselines AS b ON b.subjid = c.subjid AND b.testcd = c.testcd
WHERE  c.treated
AND    round(c.value - b.baseline, 0) > $ms
AND    c.value <= $limit
AND    NOT EXISTS (SELECT 1 FROM ae AS a
                   WHERE  a.subjid = c.subjid
                   AND    NOT blank(a.aeterm)
                   AND    NOT coalesce(iso_after(a.aestdtc, iso_plus(c.egdtc, $days)), false)
                   AND    NOT coalesce(iso_before(a.aestdtc, iso_plus(c.egdtc, -$days)), false))
QUALIFY row_number() OVER (PARTITION BY c.subjid, c.testcd ORDER BY c.value DESC, c.egdtc, c.record_key) = 1
