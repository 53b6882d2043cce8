/*
title:    All criteria are met, but one is entered as not met
severity: major
action:   query
message:  Eligibility: all criteria are answered as met, but {criterion} is entered with the answer {ieorres}. Please correct one of the answers.
field:    ieyn, ieorres
optional: ie.iecat, ie.ietest

The criterion is not met by its category and answer, or it is listed without an answer on a page that lists only what is not met.
*/
WITH pages AS (SELECT subjid, visit FROM ie WHERE yes_no(ieyn) = 'Y' GROUP BY subjid, visit)
SELECT i.record_key, i.siteid, i.subjid, i.visit, i.ieyn, coalesce(nullif(trim(i.ietestcd), ''), nullif(trim(i.ietest), '')) AS criterion, i.ieorres
FROM   ie AS i
JOIN   pages AS p ON p.subjid = i.subjid AND p.visit IS NOT DISTINCT FROM i.visit
WHERE  (upper(i.iecat) LIKE 'INCL%' AND yes_no(i.ieorres) = 'N')
OR     (upper(i.iecat) LIKE 'EXCL%' AND yes_no(i.ieorres) = 'Y')
OR     (yes_no(i.ieyn) = 'Y' AND NOT blank(i.ietestcd) AND blank(i.ieorres))
