/*
title:    Term can't be coded as reported
severity: major
action:   query
message:  {form_is}, {verbatim}: the term can't be coded as it was reported. {question} Please correct the term, or confirm that it stands as reported.

A coder asked for this query, in the coding workbook or notebook, and wrote the question.
*/
SELECT record_key, siteid, subjid, visit, form, formrow, field, coalesce(form, form_name(domain)) AS form_is, verbatim, because AS question
FROM   coding
WHERE  status = 'query'
