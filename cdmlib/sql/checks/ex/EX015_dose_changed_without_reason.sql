/*
title:    Dose changed without a reason
severity: minor
action:   query
params:   percent = 20
message:  Study treatment {extrt} from {exstdtc}: the dose is {exdose} after {earlier_dose} before, but the reason for the change is missing. Please enter the reason.
field:    exadj
optional: ex.exoccur, ex.exdosu

Records of one treatment in the same unit are compared in the order of their start dates; doses of 0 and doses not taken are passed over. A change up that more than
$percent percent of the subjects make is taken for a planned one (titration) and needs no reason. Reported where some record of the study has a reason.
*/
WITH doses AS (
    SELECT record_key, siteid, subjid, visit, upper(trim(extrt)) AS treatment, extrt, exstdtc, exdose, exadj,
           lag(exdose) OVER (PARTITION BY subjid, upper(trim(extrt)), upper(coalesce(trim(exdosu), '')) ORDER BY exstdtc, record_key) AS earlier_dose
    FROM   ex
    WHERE  exdose > 0
    AND    exoccur IS DISTINCT FROM 'N'
    AND    NOT blank(exstdtc)
),
planned AS (
    SELECT d.treatment, d.earlier_dose, d.exdose
    FROM   doses AS d
    JOIN  (SELECT treatment, count(DISTINCT subjid) AS subjects FROM doses GROUP BY treatment) AS a ON a.treatment = d.treatment
    WHERE  d.exdose > d.earlier_dose
    GROUP BY d.treatment, d.earlier_dose, d.exdose, a.subjects
    HAVING 100.0 * count(DISTINCT d.subjid) / a.subjects > $percent
)
SELECT d.record_key, d.siteid, d.subjid, d.visit, d.extrt, d.exstdtc, d.exdose, d.earlier_dose, d.exadj
FROM   doses AS d
WHERE  d.exdose <> d.earlier_dose
AND    blank(d.exadj)
AND    EXISTS (SELECT 1 FROM ex AS o WHERE NOT blank(o.exadj))
AND    NOT EXISTS (SELECT 1 FROM planned AS p WHERE p.treatment = d.treatment AND p.earlier_dose = d.earlier_dose AND p.exdose = d.exdose)
