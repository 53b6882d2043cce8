/*
title:    Medical history has neither an end date nor ongoing
severity: minor
action:   query
message:  Medical history {mhterm}, started {mhstdtc}: the end date is {mhendat} and ongoing is {mhongo}. Please enter the end date as far
          as it is known, or answer ongoing with yes.
field:    mhongo, mhendtc
optional: mh.mhendat, mh.mhstdtc

An end date given as not known is an answer, and one that can't be read is left to IT001. Ongoing answered no is an answer as well where it
is not known when the condition ended.
*/
SELECT record_key, siteid, subjid, visit, mhterm, mhstdtc, mhendat, mhendtc, mhongo
FROM   mh
WHERE  NOT blank(mhterm)
AND    blank(mhongo)
AND    blank(mhendtc)
AND    blank(mhendat)
