/*
title:    Medication dose far from what others take
severity: minor
action:   query
params:   factor = 20, least = 10
message:  Medication {cmtrt} from {cmstdtc}: the dose is {cmdose} {cmdosu}, while the usual dose in this study is {usual} {cmdosu}. Please
          correct the dose or its unit, or confirm them.
field:    cmdose, cmdosu
optional: cm.cmspid, cm.cmstdtc

The usual dose is the median of the study's records of the same medication and unit, when at least as many subjects have it as the parameter
least says. Reported when the dose is factor times higher or lower: as a rule mg and g or µg were confused. A medication repeated at several
visits under its own number is reported once.
*/
WITH usual AS (
    SELECT upper(trim(cmtrt)) AS name, unit_key(cmdosu) AS unit, median(cmdose) AS usual
    FROM   cm
    WHERE  cmdose > 0
    AND    NOT blank(cmdosu)
    GROUP BY upper(trim(cmtrt)), unit_key(cmdosu)
    HAVING count(DISTINCT subjid) >= $least AND max(cmdose) >= $factor * min(cmdose)
)
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.cmspid, c.cmtrt, c.cmstdtc, c.cmdose, c.cmdosu, u.usual
FROM   cm AS c
JOIN   usual AS u ON u.name = upper(trim(c.cmtrt)) AND u.unit = unit_key(c.cmdosu)
WHERE  c.cmdose > 0
AND    (c.cmdose >= $factor * u.usual OR c.cmdose * $factor <= u.usual)
QUALIFY row_number() OVER (PARTITION BY c.subjid, upper(trim(c.cmtrt)), c.cmdose, event_key(c.record_key, c.cmspid) ORDER BY c.record_key) = 1
