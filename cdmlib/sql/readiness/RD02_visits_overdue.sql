/*
title:    Expected visit not entered
owner:    site
lines:    3
clean:    yes
optional: visit_status.planneddtc, visit_status.days_overdue

Visits that were due before the cut-off date and are not entered. A visit that is due on the cut-off date is not overdue yet; a visit that the
site said was missed does not block.
*/
SELECT siteid, subjid, visit, concat_ws(' ', 'visit', visit, 'was due', planneddtc, CASE WHEN days_overdue IS NOT NULL THEN CAST(days_overdue AS VARCHAR) || ' days ago' END, 'and is not entered') AS what
FROM   visit_status
WHERE  status = 'overdue'
