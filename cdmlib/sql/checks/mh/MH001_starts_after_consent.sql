/*
title:    Medical history starts after informed consent
severity: minor
action:   query
message:  Medical history {mhterm}: start date {mhstdtc} is after informed consent on {consent_date}. Please correct the date, or record the
          condition as an adverse event.

Partial dates are compared only as far as both are known. It does not catch subjects whose consent date is not known.
*/
SELECT m.record_key, m.siteid, m.subjid, m.visit, m.mhterm, m.mhstdtc, s.consent_date
FROM   mh AS m
JOIN   subjects AS s ON s.subjid = m.subjid
WHERE  NOT blank(m.mhterm)
AND    iso_after(m.mhstdtc, s.consent_date)
