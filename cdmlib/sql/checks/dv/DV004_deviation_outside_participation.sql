/*
title:    Deviation is dated outside the subject's participation
severity: minor
action:   query
message:  Protocol deviation {dvterm}: the date {dvstdtc} is {side} {event} on {event_date}. Please correct one of the dates, or confirm both.
field:    dvstdtc
optional: subjects.consent_date, subjects.last_contact, subjects.disposition_date

Compared with informed consent, and with the end of participation or the last contact, whichever is later. Partial dates are compared only as far as both are known. A
deviation of the consent itself may be dated before it.
*/
WITH held AS (
    SELECT d.record_key, d.siteid, d.subjid, d.visit, d.dvterm, d.dvstdtc, s.consent_date,
           CASE WHEN NOT blank(s.disposition_date) THEN greatest(s.disposition_date, s.last_contact) END AS end_date
    FROM   dv AS d
    JOIN   subjects AS s ON s.subjid = d.subjid
    WHERE  NOT blank(d.dvterm)
)
SELECT record_key, siteid, subjid, visit, dvterm, dvstdtc,
       CASE WHEN iso_before(dvstdtc, consent_date) THEN 'before' ELSE 'after' END AS side,
       CASE WHEN iso_before(dvstdtc, consent_date) THEN 'informed consent' ELSE 'the end of participation' END AS event,
       CASE WHEN iso_before(dvstdtc, consent_date) THEN consent_date ELSE end_date END AS event_date
FROM   held
WHERE  iso_after(dvstdtc, end_date)
OR     (iso_before(dvstdtc, consent_date) AND NOT regexp_matches(upper(dvterm), 'CONSENT'))
