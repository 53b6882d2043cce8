/*
title:    Deviation without a classification
severity: minor
action:   internal
message:  Protocol deviation {dvterm} of {dvstdtc}: the classification is {dvcat}. Classify it before the review of deviations.
optional: dv.dvstdtc
*/
SELECT record_key, siteid, subjid, visit, dvterm, dvcat, dvstdtc
FROM   dv
WHERE  NOT blank(dvterm)
AND    blank(dvcat)
