/*
title:    Discontinued for an adverse event but no event led to withdrawal
severity: major
action:   query
message:  Disposition {dsdecod} on {dsstdtc}: no adverse event of the subject has withdrawn as the action taken with study treatment. Please
          correct the reason for discontinuation, or the action taken at the event that led to it.
field:    dsdecod, ae.aeacn
optional: ae.aeout

The counterpart of AE012. An event with fatal outcome counts as well. Reported once for a subject, on the first disposition. Where no event
of the study has an action taken, nothing is reported here: see AE020.
*/
SELECT d.record_key, d.siteid, d.subjid, d.visit, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm) AS dsdecod, d.dsstdtc
FROM   ds AS d
WHERE  regexp_matches(upper(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm)), '^ADVERSE EVENT')
AND    EXISTS (SELECT 1 FROM ae WHERE NOT blank(aeacn))
AND    NOT EXISTS (SELECT 1 FROM ae AS a WHERE a.subjid = d.subjid AND (treatment_action(a.aeacn) = 'WITHDRAWN' OR fatal_outcome(a.aeout)))
QUALIFY row_number() OVER (PARTITION BY d.subjid ORDER BY d.dsstdtc NULLS LAST, d.record_key) = 1
