/*
title:    Adverse event term names no event
severity: major
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the term does not name an event. Please enter the diagnosis or symptom, or remove the
          record if there was no event.
field:    aeterm

None, unknown, not applicable, see above, figures only and their like. An empty term is left to AE001.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc
FROM   ae
WHERE  no_term(aeterm)
