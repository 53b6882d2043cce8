/*
title:    Adverse event that needs a report of its own
severity: major
action:   review
message:  Adverse event {aeterm}, started {aestdtc}, serious {aeser}: pregnancy, overdose, misuse or a medication error is reported
          separately in most protocols. Please see whether the form or report that the protocol asks for is there.
optional: ae.aespid, ae.aeser

It goes by words: pregnancy, overdose, abuse, misuse, medication, prescribing, dispensing or dosing error, wrong dose, accidental or
occupational exposure, drug interaction. False pregnancy tests are left out. English only. An event repeated at several visits under its own
number is reported once.
*/
SELECT record_key, siteid, subjid, visit, aespid, aeterm, aestdtc, aeser
FROM   ae
WHERE  regexp_matches(upper(aeterm), '\b(PREGNAN(T|CY)|OVERDOS(E|ED|AGE)|(DRUG|MEDICATION|SUBSTANCE|ALCOHOL) (ABUSE|MISUSE)|'
                                  || '(MEDICATION|DRUG|PRESCRIBING|DISPENSING|DOSING|ADMINISTRATION) ERROR|(WRONG|INCORRECT) (DOSE|'
                                  || 'DRUG|MEDICATION)|(ACCIDENTAL|OCCUPATIONAL|MATERNAL|PATERNAL) EXPOSURE|DRUG INTERACTION)\b')
AND    NOT regexp_matches(upper(aeterm), 'FALSE|NEGATIVE|ECTOPIC BEAT|HISTORY OF')
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(aeterm)), event_key(record_key, aespid) ORDER BY record_key) = 1
