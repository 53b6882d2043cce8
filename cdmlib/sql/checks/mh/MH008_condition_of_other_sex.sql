/*
title:    Medical history that the sex of the subject excludes
severity: major
action:   query
message:  Medical history {mhterm}, started {mhstdtc}: the sex of the subject is {sex}, which excludes this condition. Please correct the
          condition, or the sex on the demographics form.
field:    mhterm, dm.sex
optional: mh.mhdecod, mh.mhstdtc

It goes by words for organs and conditions of one sex, in the term and in the coded term; a condition of a relative is left out. Breast
conditions occur in both. English words and Latin word stems only.
*/
SELECT m.record_key, m.siteid, m.subjid, m.visit, m.mhterm, m.mhdecod, m.mhstdtc, s.sex
FROM   mh AS m
JOIN   subjects AS s ON s.subjid = m.subjid
WHERE  NOT blank(m.mhterm)
AND    coalesce(sex_of_condition(m.mhterm), sex_of_condition(m.mhdecod)) = CASE s.sex WHEN 'M' THEN 'F' WHEN 'F' THEN 'M' END
