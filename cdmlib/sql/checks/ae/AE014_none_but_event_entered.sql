/*
title:    Page says no adverse events but one is entered
severity: major
action:   query
message:  Adverse events: the question whether there were any is answered no, but {aeterm} with start date {aestdtc} is entered. Please correct
          the answer, or remove the event.
field:    aeyn, aeterm

It looks within one record; an answer on another record of the same page is not compared.
*/
SELECT record_key, siteid, subjid, visit, aeyn, aeterm, aestdtc
FROM   ae
WHERE  aeyn = 'N'
AND    (NOT blank(aeterm) OR NOT blank(aestdtc))
