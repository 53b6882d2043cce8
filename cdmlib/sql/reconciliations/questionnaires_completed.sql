/*
title:    Questionnaires completed
params:   questionnaire = any
optional: epro.completed, epro.status

One that was started but not completed is left out. questionnaire: only this one; any means all.
*/
SELECT record_key, siteid, subjid, visit, coalesce(completed_on, completed) AS completed
FROM   epro
WHERE  NOT blank(coalesce(completed_on, completed))
  AND  coalesce(lower(status), '') NOT IN ('incomplete', 'missed', 'started', 'partial')
  AND  ($questionnaire = 'any' OR upper(questionnaire) = upper($questionnaire))
