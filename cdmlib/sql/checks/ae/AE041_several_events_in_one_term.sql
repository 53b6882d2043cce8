/*
title:    Several events in one adverse event term
severity: minor
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the term seems to hold more than one event. Please enter one record for each event, or
          the one diagnosis that covers them.
field:    aeterm
optional: ae.aespid

It reads `and`, `&`, `+`, `;` and a stroke between words, and leaves out fixed pairs such as hand and foot or head and neck. A comma is no
sign of a second event. Some terms of the dictionary hold two things (nausea and vomiting); most sponsors still ask for two records. English
only. An event repeated at several visits under its own number is reported once.
*/
SELECT record_key, siteid, subjid, visit, aespid, aeterm, aestdtc
FROM   ae
WHERE  several_terms(aeterm)
AND    NOT no_term(aeterm)
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(aeterm)), event_key(record_key, aespid) ORDER BY record_key) = 1
