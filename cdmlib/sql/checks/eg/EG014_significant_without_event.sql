/*
title:    Clinically significant electrocardiogram without an adverse event or a history
severity: major
action:   query
params:   days = 14
message:  Electrocardiogram {visit}, {egdtc}: {test} {egorres} is assessed as clinically significant, but no adverse event and no medical history is entered for that time. Please enter the event or condition, or correct the assessment.
field:    egclsig
optional: eg.egtest, ae.aeendtc, mh, subjects.first_dose

Significant is the answer yes, or a text such as abnormal, clinically significant (not one with not). Up to the day of the first dose a medical history counts; after it, an adverse event that starts no later than $days days after the recording and did not end
more than $days days before it, whatever it is. One finding for each subject and date, on its first such record.
*/
SELECT e.record_key, e.siteid, e.subjid, e.visit, e.egdtc, coalesce(nullif(trim(e.egtest), ''), e.egtestcd) AS test, e.egorres, e.egclsig
FROM   eg AS e
LEFT JOIN subjects AS s ON s.subjid = e.subjid
WHERE  (yes_no(e.egclsig) = 'Y' OR (upper(concat_ws(' ', e.egclsig, e.egorres)) LIKE '%CLINICALLY SIGNIFICANT%' AND upper(concat_ws(' ', e.egclsig, e.egorres)) NOT LIKE '%NOT CLINICALLY%'))
AND    NOT (coalesce(NOT iso_after(left(e.egdtc, 10), s.first_dose), s.first_dose IS NULL) AND EXISTS (SELECT 1 FROM mh AS h WHERE h.subjid = e.subjid AND NOT blank(h.mhterm)))
AND    NOT EXISTS (SELECT 1 FROM ae AS a
                   WHERE  a.subjid = e.subjid
                   AND    NOT blank(a.aeterm)
                   AND    NOT coalesce(iso_after(a.aestdtc, coalesce(iso_plus(e.egdtc, $days), e.egdtc)), false)
                   AND    NOT coalesce(iso_before(a.aeendtc, coalesce(iso_plus(e.egdtc, -$days), e.egdtc)), false))
QUALIFY row_number() OVER (PARTITION BY e.subjid, left(e.egdtc, 10) ORDER BY e.record_key) = 1
