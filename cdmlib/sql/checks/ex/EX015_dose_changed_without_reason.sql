/*
title:    Dose changed without a reason
severity: minor
action:   query
message:  Study treatment {extrt} from {exstdtc}: the dose is {exdose} after {earlier_dose} before, but the reason for the change is missing. Please enter the reason.
field:    exadj
optional: ex.exoccur, ex.exdosu

Records of one treatment in the same unit are compared in the order of their start dates; doses of 0 and doses not taken are passed over. Where the protocol
plans a change of dose (titration) it is reported too unless the reason says so. Reported where some record of the study has a reason.
*/
WITH doses AS (
    SELECT record_key, siteid, subjid, visit, extrt, exstdtc, exdose, exdosu, exadj,
           lag(exdose) OVER (PARTITION BY subjid, upper(trim(extrt)), upper(coalesce(trim(exdosu), '')) ORDER BY exstdtc, record_key) AS earlier_dose
    FROM   ex
    WHERE  exdose > 0
    AND    exoccur IS DISTINCT FROM 'N'
    AND    NOT blank(exstdtc)
)
SELECT record_key, siteid, subjid, visit, extrt, exstdtc, exdose, earlier_dose, exadj
FROM   doses
WHERE  exdose <> earlier_dose
AND    blank(exadj)
AND    EXISTS (SELECT 1 FROM ex AS o WHERE NOT blank(o.exadj))
