/*
title:    Toxicity grade 5 and fatal outcome disagree
severity: critical
action:   query
message:  Adverse event {aeterm}: the toxicity grade is {aetoxgr}, but the outcome is {aeout}. Please correct one of them.

Grade 5 is death, and a fatal event has grade 5. A grade that is not one of 1 to 5 is not read; a missing grade or outcome is another
check's.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aetoxgr, aeout
FROM   ae
WHERE  NOT blank(aeout)
AND    toxicity_grade(aetoxgr) IS NOT NULL
AND    (toxicity_grade(aetoxgr) = 5) <> fatal_outcome(aeout)
