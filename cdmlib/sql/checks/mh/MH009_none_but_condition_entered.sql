/*
title:    Page says no medical history but a condition is entered
severity: minor
action:   query
message:  Medical history: the question whether there was any is answered no, but {mhterm} with start date {mhstdtc} is entered. Please
          correct the answer, or remove the condition.
field:    mhyn, mhterm
optional: mh.mhstdtc

It looks within one record; an answer on another record of the same page is not compared.
*/
SELECT record_key, siteid, subjid, visit, mhyn, mhterm, mhstdtc
FROM   mh
WHERE  mhyn = 'N'
AND    (NOT blank(mhterm) OR NOT blank(mhstdtc))
