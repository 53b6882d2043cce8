/*
title:    Laboratory samples collected, by subject, visit and day
optional: lb.lbdat, lb.lbtim, lb.lbstat, lb.lborres, subjects.sex, subjects.birth_date

A test that was not done makes no sample. The record is the first of the visit and day.
*/
SELECT min(lb.record_key) AS record_key, min(lb.siteid) AS siteid, lb.subjid, lb.visit, coalesce(lb.lbdtc, lb.lbdat) AS collected,
       min(lb.lbtim) AS collected_time, min(s.sex) AS sex, min(s.birth_date) AS birth_date
FROM   lb
LEFT JOIN subjects AS s ON s.subjid = lb.subjid
WHERE  NOT (blank(lb.lborres) AND NOT blank(lb.lbstat)) AND NOT blank(coalesce(lb.lbdtc, lb.lbdat))
GROUP BY lb.subjid, lb.visit, coalesce(lb.lbdtc, lb.lbdat)
