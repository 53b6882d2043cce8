/*
title:    Procedure entered as an adverse event
severity: minor
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the term is a procedure. Please enter the condition that led to it as the event, and
          the procedure with the procedures.
field:    aeterm
optional: ae.aespid

Operations, endoscopies, biopsies, transfusions, dialysis and hospital stays. A term that names what came of a procedure (pain after
appendectomy, wound infection) is not reported. An operation planned before the study is no event at all. English only. An event repeated at
several visits under its own number is reported once.
*/
SELECT record_key, siteid, subjid, visit, aespid, aeterm, aestdtc
FROM   ae
WHERE  regexp_matches(upper(aeterm), '(ECTOMY|OSTOMY|OTOMY|PLASTY|SCOPY|CENTESIS|DESIS)\b|\b(SURGERY|OPERATION|TRANSFUSION|BIOPSY|'
                                  || 'TRANSPLANT(ATION)?|DIALYSIS|HAEMODIALYSIS|HEMODIALYSIS|HOSPITALI[SZ]ATION|CATHETERI[SZ]ATION|'
                                  || '(TOOTH|TEETH|DENTAL) EXTRACTION|(STENT|PACEMAKER|DEFIBRILLATOR) (PLACEMENT|INSERTION|'
                                  || 'IMPLANTATION))\b')
AND    NOT regexp_matches(upper(aeterm), '\b(POST|AFTER|FOLLOWING|DUE TO|SECONDARY TO|COMPLICATION|COMPLICATIONS|PAIN|INFECTION|'
                                      || 'BLEEDING|HAEMORRHAGE|HEMORRHAGE|SITE|WOUND|ABNORMAL|REJECTION|REACTION|DEHISCENCE|'
                                      || 'ADHESIONS?|FAILURE|MALFUNCTION|LEAK(AGE)?|DISORDER|SYNDROME|NAUSEA|VOMITING)\b|POSTOP|'
                                      || 'POST-OP')
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(aeterm)), event_key(record_key, aespid) ORDER BY record_key) = 1
