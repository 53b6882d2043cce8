/*
title:    Toxicity grade and severity disagree
severity: minor
action:   query
message:  Adverse event {aeterm}: the toxicity grade is {aetoxgr}, but the severity is {aesev}. Please correct one of them.

Mild is grade 1, moderate grade 2, and severe grade 3 or more. A severity in other words is not compared.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aetoxgr, aesev
FROM   ae
WHERE  toxicity_grade(aetoxgr) <> CASE upper(trim(aesev)) WHEN 'MILD' THEN 1 WHEN 'MODERATE' THEN 2 WHEN 'SEVERE' THEN greatest(3, toxicity_grade(aetoxgr)) END
