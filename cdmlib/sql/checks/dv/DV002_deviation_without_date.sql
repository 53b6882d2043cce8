/*
title:    Deviation without a date
severity: major
action:   query
message:  Protocol deviation {dvterm}: the date is {dvstdat}. Please enter the date, as far as it is known.
field:    dvstdtc
optional: dv.dvstdat

A date that can't be read is left to IT001.
*/
SELECT record_key, siteid, subjid, visit, dvterm, dvstdat, dvstdtc
FROM   dv
WHERE  NOT blank(dvterm)
AND    blank(dvstdtc)
AND    (blank(dvstdat) OR unknown_text(dvstdat))
