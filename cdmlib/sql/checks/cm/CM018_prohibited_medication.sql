/*
title:    Prohibited medication under study treatment
severity: major
action:   review
params:   prohibited = INVESTIGATIONAL|EXPERIMENTAL|STUDY DRUG|STUDY MEDICATION
message:  Medication {cmtrt}, {cmdecod}, from {cmstdtc} to {cmendtc}: it matches the protocol's list of prohibited medications and overlaps
          study treatment from {first_dose} to {last_dose}. Please see whether it is a protocol deviation.
optional: cm.cmendtc, cm.cmdecod, cm.cmclas, cm.cmindc

Set prohibited to what the protocol forbids: names, coded names or classes with a stroke between them, as a regular expression, such as
`WARFARIN|PREDNISO|CYP3A`. As delivered it holds only what every protocol forbids, drugs under investigation. It reads the medication, its
coded name and its class. Wash-out periods before the first dose are not judged. Partial dates are compared only as far as both are known; a
medication without an end date counts as going on.
*/
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.cmtrt, c.cmdecod, c.cmclas, c.cmindc, c.cmstdtc, c.cmendtc, s.first_dose, s.last_dose
FROM   cm AS c
JOIN   subjects AS s ON s.subjid = c.subjid
WHERE  regexp_matches(upper(concat_ws(' ', c.cmtrt, c.cmdecod, c.cmclas)), upper($prohibited))
AND    NOT blank(s.first_dose)
AND    iso_before(c.cmendtc, s.first_dose) IS DISTINCT FROM true
AND    (s.status = 'ON TREATMENT' OR iso_after(c.cmstdtc, s.last_dose) IS DISTINCT FROM true)
