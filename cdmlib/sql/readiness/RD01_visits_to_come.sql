/*
title:    Visits still to come
owner:    site
lines:    2
optional: visit_status.planneddtc

Visits that are expected after the cut-off date: the last visit of the last subject has not been reached.
*/
SELECT siteid, subjid, visit, concat_ws(' ', 'visit', visit, 'is due on', coalesce(planneddtc, 'a day not known')) AS what
FROM   visit_status
WHERE  status = 'expected'
