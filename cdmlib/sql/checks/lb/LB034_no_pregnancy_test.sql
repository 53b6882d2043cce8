/*
title:    No pregnancy test of a treated woman of childbearing age
severity: major
action:   query
params:   low = 12, high = 50
message:  Subject {subjid} is a woman of {age} years, first dosed on {first_dose}, but no pregnancy test up to that day is entered. Please enter the result, or the reason why she can't become pregnant.
field:    lborres
optional: lb.lbtest

From $low to $high years. Only where the study has results of pregnancy tests (table lab_tests, or a name with pregnancy in it) in this table. A test without a date, or whose partial date may lie before the first dose,
counts. Women who were sterilised or past the menopause are reported too unless the test is entered as not applicable. The finding is on the subject's first laboratory record.
*/
WITH tests AS (
    SELECT subjid, lbdtc
    FROM   lb
    WHERE  NOT blank(lborres)
    AND    (upper(trim(lbtestcd)) IN (SELECT testcd FROM lab_tests WHERE kind = 'pregnancy') OR upper(lbtest) LIKE '%PREGNAN%')
)
SELECT min(l.record_key) AS record_key, min(s.siteid) AS siteid, s.subjid, max(s.age) AS age, min(s.first_dose) AS first_dose
FROM   subjects AS s
JOIN   lb AS l ON l.subjid = s.subjid
WHERE  sex_code(s.sex) = 'F'
AND    s.age BETWEEN $low AND $high
AND    NOT blank(s.first_dose)
AND    EXISTS (SELECT 1 FROM tests)
AND    NOT EXISTS (SELECT 1 FROM tests AS t WHERE t.subjid = s.subjid AND NOT coalesce(iso_after(left(t.lbdtc, 10), s.first_dose), false))
GROUP BY s.subjid
