/*
title:    Randomised subject without a treatment arm
severity: major
action:   internal
message:  Subject {subjid}: randomised on {randomised_date}, but the planned arm is {arm}. Ask for the arm from the randomisation system, or keep it out of a
          blinded extract altogether.
optional: dm.armcd

Reported only when another subject has an arm, so not while the study is blinded and nobody has one.
*/
SELECT d.record_key, d.siteid, d.subjid, s.randomised_date, d.arm, d.armcd
FROM   dm AS d
JOIN   subjects AS s ON s.subjid = d.subjid
WHERE  NOT blank(s.randomised_date)
AND    blank(d.arm)
AND    blank(d.armcd)
AND    EXISTS (SELECT 1 FROM dm AS o WHERE NOT blank(o.arm))
