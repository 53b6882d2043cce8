/*
title:    Study treatment entered as a concomitant medication
severity: major
action:   query
message:  Medication {cmtrt} from {cmstdtc}: this is the study treatment {extrt}. Please enter it with the study treatment, or correct the
          name of the medication.
field:    cmtrt
optional: cm.cmstdtc

The name is one of the study's treatments, or a word of six letters or more out of such a name. A background therapy that the study enters
as study treatment is reported too. It does not catch a code or another brand name of the study drug.
*/
WITH treatments AS (SELECT DISTINCT upper(trim(extrt)) AS treatment FROM ex WHERE NOT blank(extrt))
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.cmtrt, c.cmstdtc, min(t.treatment) AS extrt
FROM   cm AS c
JOIN   treatments AS t
ON     t.treatment = upper(trim(c.cmtrt))
OR     (length(trim(c.cmtrt)) >= 6 AND list_contains(regexp_split_to_array(t.treatment, '[^A-Z0-9-]+'), upper(trim(c.cmtrt))))
GROUP BY c.record_key, c.siteid, c.subjid, c.visit, c.cmtrt, c.cmstdtc
