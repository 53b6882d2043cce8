/*
title:    Medical history starts or ends before birth
severity: major
action:   query
message:  Medical history {mhterm}: start date {mhstdtc} or end date {mhendtc} is before the birth date {birth_date}. Please correct one of
          the dates.
field:    mhstdtc, mhendtc, dm.brthdtc
optional: mh.mhendtc

Partial dates are compared only as far as both are known: a condition of the year of birth is accepted.
*/
SELECT m.record_key, m.siteid, m.subjid, m.visit, m.mhterm, m.mhstdtc, m.mhendtc, s.birth_date
FROM   mh AS m
JOIN   subjects AS s ON s.subjid = m.subjid
WHERE  iso_before(m.mhstdtc, s.birth_date)
OR     iso_before(m.mhendtc, s.birth_date)
