/*
title:    Medication is ongoing although the subject died
severity: minor
action:   query
message:  Medication {cmtrt}, started {cmstdtc}: ongoing is answered yes, but the subject died on {death_date}. Please enter the date of
          death or an earlier day as end date, and correct ongoing.
field:    cmongo, cmendtc
optional: cm.cmspid, cm.cmstdtc

Where a medication is repeated at several visits under its own number, an earlier report may have been right at its time; it is reported
once, unless a later report has ended it.
*/
SELECT c.record_key, c.siteid, c.subjid, c.visit, c.cmspid, c.cmtrt, c.cmstdtc, c.cmongo, s.death_date
FROM   cm AS c
JOIN   subjects AS s ON s.subjid = c.subjid
WHERE  NOT blank(s.death_date)
AND    c.cmongo = 'Y'
AND    NOT EXISTS (
           SELECT 1
           FROM   cm AS o
           WHERE  o.subjid = c.subjid AND upper(trim(o.cmtrt)) = upper(trim(c.cmtrt))
           AND    o.cmongo = 'N'
           AND    event_key(o.record_key, o.cmspid) = event_key(c.record_key, c.cmspid)
       )
QUALIFY row_number() OVER (PARTITION BY c.subjid, upper(trim(c.cmtrt)), event_key(c.record_key, c.cmspid) ORDER BY c.record_key) = 1
