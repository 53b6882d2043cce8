/*
title:    Accession number belongs to two subjects
severity: critical
action:   query
message:  Laboratory {visit}, {lbdtc}: accession number {lbrefid} also stands with subject {other_subject} (site {other_site}, {other_date}). Please correct the number or the subject of the sample.
field:    lbrefid
optional: lb.lbnam

By laboratory, without regard to spaces at the ends. One finding for each subject and number, on its first record; the subject with the lowest number is not reported.
*/
WITH samples AS (
    SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, min(visit) AS visit, min(lbdtc) AS lbdtc, lbnam, trim(lbrefid) AS lbrefid
    FROM   lb
    WHERE  NOT blank(lbrefid)
    AND    NOT unknown_text(lbrefid)
    AND    NOT blank(subjid)
    GROUP BY subjid, lbnam, trim(lbrefid)
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
