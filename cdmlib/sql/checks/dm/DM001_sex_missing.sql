/*
title:    Sex is missing or not a permitted answer
severity: major
action:   query
message:  Demographics: sex is {sex}. Please enter the sex as recorded in the source.

Male, female, unknown, undifferentiated and intersex are permitted, in words or as codes.
*/
SELECT record_key, siteid, subjid, sex
FROM   dm
WHERE  coalesce(sex_code(sex), '') NOT IN ('M', 'F', 'U', 'UNKNOWN', 'UNDIFFERENTIATED', 'INTERSEX')
