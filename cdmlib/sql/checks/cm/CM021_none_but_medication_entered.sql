/*
title:    Page says no medications but one is entered
severity: minor
action:   query
message:  Concomitant medications: the question whether there were any is answered no, but {cmtrt} with start date {cmstdtc} is entered.
          Please correct the answer, or remove the medication.
field:    cmyn, cmtrt
optional: cm.cmstdtc

It looks within one record; an answer on another record of the same page is not compared.
*/
SELECT record_key, siteid, subjid, visit, cmyn, cmtrt, cmstdtc
FROM   cm
WHERE  cmyn = 'N'
AND    (NOT blank(cmtrt) OR NOT blank(cmstdtc))
