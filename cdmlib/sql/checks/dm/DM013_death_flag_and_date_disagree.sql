/*
title:    Death flag and date of death disagree
severity: critical
action:   query
message:  Demographics: died is answered {dthfl}, but the date of death is {dthdtc}. Please correct one of them.
field:    dthdtc, dthfl
optional: dm.dthdat, ds, ds.dthdtc

A date of death on the disposition form counts too. A date that is entered but can't be read is left to IT001.
*/
SELECT d.record_key, d.siteid, d.subjid, d.dthfl, d.dthdtc
FROM   dm AS d
WHERE  (yes_no(d.dthfl) = 'Y' AND blank(d.dthdtc) AND (blank(d.dthdat) OR unknown_text(d.dthdat))
        AND NOT EXISTS (SELECT 1 FROM ds AS x WHERE x.subjid = d.subjid AND NOT blank(x.dthdtc)))
OR     (yes_no(d.dthfl) IS DISTINCT FROM 'Y' AND NOT blank(d.dthdtc))
