/*
title:    Planned and actual treatment arm differ
severity: major
action:   review
message:  Subject {subjid}: planned arm is {arm}, actual arm is {actarm}. Please find out whether the subject was given the wrong treatment and record a
          deviation if so.

Compared without regard to case and spaces at the ends. A subject without an actual arm is not reported: treatment may not have begun.
*/
SELECT record_key, siteid, subjid, arm, actarm
FROM   dm
WHERE  NOT blank(arm)
AND    NOT blank(actarm)
AND    upper(trim(arm)) <> upper(trim(actarm))
