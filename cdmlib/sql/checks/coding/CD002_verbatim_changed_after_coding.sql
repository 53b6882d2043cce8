/*
title:    Reported term changed after it was coded
severity: major
action:   internal
message:  The reported term was {verbatim_before}, coded as {term_before} ({code_before}); it is {verbatim} now, and its code is {code_now}. Check that the code fits the new term, and decide on one if there is none.

Compares with the results of the week before, and a decision on a single record with the text that it was made on. A change of upper and
lower case is none. The finding is there in the week of the change.
*/
SELECT record_key, siteid, subjid, visit, form, formrow, verbatim, verbatim_before, code_before, term_before, coalesce(code, 'none') AS code_now
FROM   coding
WHERE  code_before IS NOT NULL AND lower(verbatim) IS DISTINCT FROM lower(verbatim_before)
