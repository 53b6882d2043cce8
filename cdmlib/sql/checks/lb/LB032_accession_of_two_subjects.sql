/*
title:    Accession number belongs to two subjects
severity: critical
action:   query
message:  Laboratory {visit}, {lbdtc}: accession number {lbrefid} also stands with subject {other_subject} (site {other_site}, {other_date}). Please correct the number or the subject of the sample.
field:    lbrefid
optional: lb.lbnam

By laboratory. One finding for each subject and number, on its first record; the subject with the lowest number is not reported.
*/
WITH shared AS (SELECT lbnam, lbrefid FROM lb WHERE NOT blank(subjid) GROUP BY lbnam, lbrefid HAVING min(subjid) <> max(subjid)),
samples AS (
    SELECT min(l.record_key) AS record_key, min(l.siteid) AS siteid, l.subjid, min(l.visit) AS visit, min(l.lbdtc) AS lbdtc, l.lbnam, l.lbrefid
    FROM   lb AS l
    JOIN   shared AS s ON s.lbrefid = l.lbrefid AND s.lbnam IS NOT DISTINCT FROM l.lbnam
    WHERE  NOT blank(l.lbrefid)
    AND    NOT unknown_text(l.lbrefid)
    AND    NOT blank(l.subjid)
    GROUP BY l.subjid, l.lbnam, l.lbrefid
),
first_subjects AS (
    SELECT record_key, siteid, subjid, visit, lbdtc, lbrefid,
           first_value(subjid) OVER (PARTITION BY lbnam, lbrefid ORDER BY subjid) AS other_subject,
           first_value(siteid) OVER (PARTITION BY lbnam, lbrefid ORDER BY subjid) AS other_site,
           first_value(lbdtc) OVER (PARTITION BY lbnam, lbrefid ORDER BY subjid) AS other_date
    FROM   samples
)
SELECT record_key, siteid, subjid, visit, lbdtc, lbrefid, other_subject, other_site, other_date
FROM   first_subjects
WHERE  subjid <> other_subject
