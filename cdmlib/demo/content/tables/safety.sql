/*
title:    Safety database
from:     safety.SAFETY

The weekly line listing: a row per version of a case. Only the latest version counts when it is reconciled.
*/
SELECT concat_ws('|', 'SAFETY', case_number, event_number, case_version) AS record_key, CAST(NULL AS VARCHAR) AS siteid, subject_id AS subjid,
       source, dataset, source_row,
       case_number, case_version, event_number, case_status, event_verbatim AS term, onset_date AS onset, iso_date(onset_date) AS onset_on,
       end_date AS ended, iso_date(end_date) AS ended_on, yes_no(serious) AS serious, yes_no(results_in_death) AS death,
       yes_no(life_threatening) AS life_threatening, yes_no(hospitalisation) AS hospitalisation, yes_no(disability) AS disability,
       yes_no(congenital_anomaly) AS congenital, event_outcome AS outcome, reporter_causality AS causality, action_taken, severity,
       receipt_date AS received, iso_date(receipt_date) AS received_on, latest_receipt_date AS latest, iso_date(latest_receipt_date) AS latest_on
FROM   safety.SAFETY
