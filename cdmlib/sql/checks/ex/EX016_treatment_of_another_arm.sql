/*
title:    Treatment that belongs to another arm
severity: critical
action:   review
params:   percent = 5
message:  Study treatment {extrt} from {exstdtc}: the subject is in arm {arm}, of whose subjects {share} percent take it. Please find out whether the wrong treatment was
          given or entered.
optional: subjects.arm, ex.exoccur, ex.exdose

Reported when at most $percent percent of the subjects of the arm, and more than half of those of another arm, take the treatment by its name and dose. Names and
doses are as entered, so in a blinded study, where all arms take the same, nothing is found. One finding for each subject and treatment, on the first record.
*/
WITH taken AS (
    SELECT e.record_key, e.siteid, e.subjid, e.visit, e.extrt, e.exstdtc, s.arm, upper(trim(e.extrt)) || CASE WHEN e.exdose = 0 THEN ' 0' ELSE '' END AS treatment
    FROM   ex AS e
    JOIN   subjects AS s ON s.subjid = e.subjid
    WHERE  NOT blank(s.arm)
    AND    NOT blank(e.extrt)
    AND    e.exoccur IS DISTINCT FROM 'N'
),
arms AS (SELECT arm, count(DISTINCT subjid) AS n FROM taken GROUP BY arm),
shares AS (
    SELECT t.treatment, a.arm, 100.0 * count(DISTINCT CASE WHEN t.arm = a.arm THEN t.subjid END) / max(a.n) AS share
    FROM   taken AS t
    CROSS JOIN arms AS a
    GROUP BY t.treatment, a.arm
)
SELECT t.record_key, t.siteid, t.subjid, t.visit, t.extrt, t.exstdtc, t.arm, CAST(round(h.share) AS INTEGER) AS share
FROM   taken AS t
JOIN   shares AS h ON h.treatment = t.treatment AND h.arm = t.arm AND h.share <= $percent
WHERE  EXISTS (SELECT 1 FROM shares AS o WHERE o.treatment = t.treatment AND o.arm <> t.arm AND o.share > 50)
QUALIFY row_number() OVER (PARTITION BY t.subjid, t.treatment ORDER BY t.exstdtc NULLS LAST, t.record_key) = 1
