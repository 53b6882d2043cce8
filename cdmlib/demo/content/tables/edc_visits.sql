/*
title:    Visits of the EDC
from:     status.VISIT_STATUS

The visit listing: the planned visits of every subject, with their status once they are entered and the last day of their window until then.
*/
SELECT concat_ws('|', 'V', subjectnameoridentifier, visit_name) AS record_key, CAST(NULL AS VARCHAR) AS siteid, subjectnameoridentifier AS subjid,
       visit_name AS visit, source, dataset, source_row, num(visit_number) AS visitnum, visit_status AS state,
       visit_date AS visitdat, iso_date(visit_date) AS visitdtc, projected_date AS planneddat, iso_date(projected_date) AS planneddtc
FROM   status.VISIT_STATUS
