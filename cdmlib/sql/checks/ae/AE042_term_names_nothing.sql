/*
title:    Adverse event term names no event
severity: major
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the term does not name an event. Please enter the diagnosis or symptom, or remove the
          record if there was no event.
field:    aeterm
optional: ae.aespid

None, unknown, not applicable, see above, figures only and their like. An empty term is left to AE001. An event repeated at several visits
under its own number is reported once.
*/
SELECT record_key, siteid, subjid, visit, aespid, aeterm, aestdtc
FROM   ae
WHERE  no_term(aeterm)
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(aeterm)), event_key(record_key, aespid) ORDER BY record_key) = 1
