/*
title:    Pregnancy test of a male subject
severity: major
action:   query
message:  Laboratory {visit}, {lbdtc}: {test} {lborres} is entered, but the sex of the subject is male. Please correct the sex, or remove the test.
field:    lborres, dm.sex
optional: lb.lbtest

Tests of pregnancy stand in the table lab_tests; a name with pregnancy in it counts too. Gonadotropin that is measured as a tumour marker is reported as well: switch the check off there.
*/
SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd) AS test, l.lborres, s.sex
FROM   lb AS l
JOIN   subjects AS s ON s.subjid = l.subjid
WHERE  sex_code(s.sex) = 'M'
AND    NOT blank(l.lborres)
AND    NOT unknown_text(l.lborres)
AND    (upper(trim(l.lbtestcd)) IN (SELECT testcd FROM lab_tests WHERE kind = 'pregnancy') OR upper(l.lbtest) LIKE '%PREGNAN%')
