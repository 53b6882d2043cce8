/*
title:    Sample received before it was taken
severity: major
action:   review
message:  Sample {sample_id}: taken on {collected_on} but received on {received_on}. Have the laboratory confirm both dates, or correct the one that is wrong.
*/
SELECT record_key, siteid, subjid, visit, sample_id, collected_on, received_on
FROM   samples
WHERE  iso_after(collected_on, received_on)
