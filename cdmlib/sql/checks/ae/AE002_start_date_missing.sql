/*
title:    Adverse event has no start date
severity: major
action:   query
message:  Adverse event {aeterm}: start date is {aestdat}. Please enter the start date as far as it is known, at least the year.
optional: ae.aestdat

A start date given as not known is reported as well, since nothing can be placed in time without a year. A text that can't be read as a
date is left to IT001. Any partial date is accepted.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdat, aestdtc
FROM   ae
WHERE  NOT blank(aeterm)
AND    blank(aestdtc)
AND    (blank(aestdat) OR unknown_text(aestdat))
