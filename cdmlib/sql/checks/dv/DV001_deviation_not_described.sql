/*
title:    Deviation without a description
severity: major
action:   query
message:  Protocol deviation of {dvstdtc}: the description is {dvterm}. Please enter what happened.
field:    dvterm
optional: dv.dvcat, dv.dvdecod, dv.dvspid, dv.dvstdtc

Reported when anything else of the deviation is entered; a row that is empty throughout is not.
*/
SELECT record_key, siteid, subjid, visit, dvspid, dvcat, dvdecod, dvterm, dvstdtc
FROM   dv
WHERE  blank(dvterm)
AND    (NOT blank(dvcat) OR NOT blank(dvdecod) OR NOT blank(dvspid) OR NOT blank(dvstdtc))
