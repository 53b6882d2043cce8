/*
title:    Death entered as the term of an adverse event
severity: major
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: death is the outcome of an event, not an event. Please enter the cause of death as the
          term, or `death of unknown cause` when it is not known.
field:    aeterm
optional: ae.aespid

Sudden death, brain death, foetal death and death of unknown cause are accepted. An event repeated at several visits under its own number is
reported once.
*/
SELECT record_key, siteid, subjid, visit, aespid, aeterm, aestdtc
FROM   ae
WHERE  regexp_full_match(upper(trim(aeterm)), '(PATIENT |SUBJECT )?(DEATH|DIED|DECEASED|DEAD|EXPIRED|DEMISE|FATALITY|PASSED AWAY)( OF (PATIENT|SUBJECT)| NOS)?\.?')
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(aeterm)), event_key(record_key, aespid) ORDER BY record_key) = 1
