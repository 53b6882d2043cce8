/*
title:    Adverse event that the sex of the subject excludes
severity: major
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the sex of the subject is {sex}, which excludes this event. Please correct the term, or
          the sex on the demographics form.
field:    aeterm, dm.sex
optional: ae.aespid, ae.aedecod

It goes by words for organs and conditions of one sex, in the term and in the coded term; an event of a relative is left out. Breast
conditions occur in both. English words and Latin word stems only. An event repeated at several visits under its own number is reported
once.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aespid, a.aeterm, a.aedecod, a.aestdtc, s.sex
FROM   ae AS a
JOIN   subjects AS s ON s.subjid = a.subjid
WHERE  NOT blank(a.aeterm)
AND    coalesce(sex_of_condition(a.aeterm), sex_of_condition(a.aedecod)) = CASE s.sex WHEN 'M' THEN 'F' WHEN 'F' THEN 'M' END
QUALIFY row_number() OVER (PARTITION BY a.subjid, upper(trim(a.aeterm)), event_key(a.record_key, a.aespid) ORDER BY a.record_key) = 1
