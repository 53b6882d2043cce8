/*
title:    Several events in one adverse event term
severity: minor
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the term seems to hold more than one event. Please enter one record for each event, or
          the one diagnosis that covers them.
field:    aeterm

It reads `and`, `&`, `+`, `;` and a stroke between words, and leaves out fixed pairs such as hand and foot or head and neck. A comma is no
sign of a second event. Some terms of the dictionary hold two things (nausea and vomiting); most sponsors still ask for two records. English
only.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc
FROM   ae
WHERE  several_terms(aeterm)
AND    NOT no_term(aeterm)
