/*
title:    Pregnancy test of a male subject
severity: major
action:   query
message:  Laboratory {visit}, {lbdtc}: {test} {lborres} is entered, but the sex of the subject is male. Please correct the sex, or remove the test.
field:    lborres, dm.sex
optional: lb.lbtest

Tests of pregnancy stand in the table lab_tests; a name with pregnancy in it counts too. Gonadotropin that is measured as a tumour marker is reported as well: switch the check off there.
*/
WITH men AS (SELECT subjid, sex FROM subjects WHERE sex_code(sex) = 'M'),
names AS (  -- by test as it is written, so that each name is read once
    SELECT lbtestcd, lbtest
    FROM   lb
    GROUP BY lbtestcd, lbtest
    HAVING upper(trim(lbtestcd)) IN (SELECT testcd FROM lab_tests WHERE kind = 'pregnancy') OR upper(lbtest) LIKE '%PREGNAN%'
)
SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd) AS test, l.lborres, m.sex
FROM   lb AS l
JOIN   names AS n ON n.lbtestcd = l.lbtestcd AND n.lbtest IS NOT DISTINCT FROM l.lbtest
JOIN   men AS m ON m.subjid = l.subjid
WHERE  CASE WHEN m.sex IS NOT NULL THEN NOT blank(l.lborres) AND NOT unknown_text(l.lborres) END
