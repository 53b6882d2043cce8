/*
title:    Several conditions in one medical history term
severity: minor
action:   query
message:  Medical history {mhterm}, started {mhstdtc}: the term seems to hold more than one condition. Please enter one record for each
          condition.
field:    mhterm
optional: mh.mhstdtc

It reads `and`, `&`, `+`, `;` and a stroke between words, and leaves out fixed pairs such as head and neck. A comma is no sign of a second
condition. English only.
*/
SELECT record_key, siteid, subjid, visit, mhterm, mhstdtc
FROM   mh
WHERE  several_terms(mhterm)
AND    NOT no_term(mhterm)
