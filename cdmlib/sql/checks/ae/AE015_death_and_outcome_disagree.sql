/*
title:    Results in death and outcome disagree
severity: critical
action:   query
message:  Adverse event {aeterm}: results in death is {aesdth}, but the outcome is {aeout}. Please correct one of the answers.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aesdth, aeout
FROM   ae
WHERE  NOT blank(aeterm)
AND    NOT blank(aeout)
AND    (aesdth IS NOT DISTINCT FROM 'Y') <> fatal_outcome(aeout)
