/*
title:    Questionnaires expected: one for each visit held
params:   visits = |

visits: names of the visits that have a questionnaire, separated by |; nothing means every visit held.
*/
SELECT record_key, siteid, subjid, visit, visit_date
FROM   visits
WHERE  NOT blank(visit_date) AND ($visits IN ('', '|') OR list_contains(string_split(upper($visits), '|'), upper(visit)))
