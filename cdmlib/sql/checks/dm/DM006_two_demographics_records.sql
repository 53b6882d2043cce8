/*
title:    More than one demographics record for a subject
severity: major
action:   query
message:  Demographics: subject {subjid} has {records} records. Please keep the right one and remove the others.
field:    brthdtc, dmdtc

Every record after the first is reported. Everything else in the library reads the first record, in the order of the record key.
*/
SELECT record_key, siteid, subjid, visit, count(*) OVER (PARTITION BY subjid) AS records
FROM   dm
WHERE  NOT blank(subjid)
QUALIFY row_number() OVER (PARTITION BY subjid ORDER BY record_key) > 1
