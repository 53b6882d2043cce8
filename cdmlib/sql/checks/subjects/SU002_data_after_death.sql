/*
title:    Data after death
severity: critical
action:   query
message:  Subject {subjid}: date of death is {death_date}, but {record} is dated {last_date}. Please correct one of the dates.
optional: vs, lb, sv, eg, qs, pr, sv.svoccur, pr.prstdtc

One finding for each subject, on the latest record after death. Partial dates are compared only as far as both are known.
Adverse events are looked at by AE011, dosing by EX017.
*/
WITH dated AS (
    SELECT subjid, 'a vital sign' AS record, max(vsdtc) AS day FROM vs GROUP BY subjid
    UNION ALL
    SELECT subjid, 'a laboratory sample', max(lbdtc) FROM lb GROUP BY subjid
    UNION ALL
    SELECT subjid, 'an electrocardiogram', max(egdtc) FROM eg GROUP BY subjid
    UNION ALL
    SELECT subjid, 'a questionnaire', max(qsdtc) FROM qs GROUP BY subjid
    UNION ALL
    SELECT subjid, 'a procedure', max(prstdtc) FROM pr GROUP BY subjid
    UNION ALL
    SELECT subjid, 'a visit', max(svstdtc) FROM sv WHERE svoccur IS DISTINCT FROM 'N' GROUP BY subjid
)
SELECT s.record_key, s.siteid, s.subjid, s.death_date, d.record, left(d.day, 10) AS last_date
FROM   subjects AS s
JOIN   dated AS d ON d.subjid = s.subjid
WHERE  iso_after(d.day, s.death_date)
QUALIFY row_number() OVER (PARTITION BY s.subjid ORDER BY d.day DESC, d.record) = 1
