/*
title:    Questionnaires on the subject's device
from:     epro.EPRO
*/
SELECT concat_ws('|', 'EPRO', subject, visit, questionnaire) AS record_key, CAST(NULL AS VARCHAR) AS siteid, subject AS subjid, visit, source, dataset, source_row,
       questionnaire, started_at AS started, iso_date(started_at) AS started_on, completed_at AS completed, iso_date(completed_at) AS completed_on,
       completion_status AS status, device_id AS device
FROM   epro.EPRO
