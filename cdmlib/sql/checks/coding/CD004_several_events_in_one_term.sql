/*
title:    Several events in one term
severity: minor
action:   review
message:  {verbatim} may be more than one event: {because}. Ask the site for a record of each, or code it as one.

Only where each part is a term that the dictionary knows; a term with and in it that is in the dictionary as a whole is coded as such.
Medications are left out: a combination is often one product.
*/
SELECT record_key, siteid, subjid, visit, form, formrow, verbatim, because
FROM   coding
WHERE  flag = 'several terms' AND domain <> 'cm'
