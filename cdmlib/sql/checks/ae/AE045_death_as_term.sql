/*
title:    Death entered as the term of an adverse event
severity: major
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: death is the outcome of an event, not an event. Please enter the cause of death as the
          term, or `death of unknown cause` when it is not known.
field:    aeterm

Sudden death, brain death, foetal death and death of unknown cause are accepted.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc
FROM   ae
WHERE  regexp_full_match(upper(trim(aeterm)), '(PATIENT |SUBJECT )?(DEATH|DIED|DECEASED|DEAD|EXPIRED|DEMISE|FATALITY|PASSED AWAY)( OF (PATIENT|SUBJECT)| NOS)?\.?')
