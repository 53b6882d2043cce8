/*
title:    Issues listed by the EDC
from:     status.DEVIATIONS, status.LAB_RANGES, status.INACTIVATED

Protocol deviations, missing laboratory names and ranges that are not entered yet, and inactivated records.
*/
SELECT concat_ws('|', 'D', "Subject Name", "Log #") AS record_key, regexp_extract("Site ID", '\d+') AS siteid, "Subject Name" AS subjid, "Folder Name" AS visit,
       "Data Page Name" AS form, "Log #" AS formrow, source, dataset, source_row, 'deviation' AS kind, Description AS what, "PD Status" AS state
FROM   status.DEVIATIONS
UNION ALL
SELECT concat_ws('|', 'L', Subject, Visit, "Test Name", Issue), "Site number", Subject, Visit, "Form Name", NULL, source, dataset, source_row,
       'lab range', concat_ws(': ', "Test description", Issue), 'Open'
FROM   status.LAB_RANGES
WHERE  blank("Resolved on")
UNION ALL
SELECT concat_ws('|', 'I', Subject, Folder, Form, RecordPosition), "Study Site Number", Subject, Folder, Form, RecordPosition, source, dataset, source_row,
       'inactivated', "Data on Form/
Record", "Audit Action"
FROM   status.INACTIVATED
