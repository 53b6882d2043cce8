/*
title:    Laboratory sent two results for one test of a sample
severity: major
action:   review
message:  Laboratory: {test_name} of the sample {accession} has {n} results: {results}. Have the laboratory say which one counts.
optional: lbx.test
*/
SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, min(visit) AS visit, accession, coalesce(min(test), testcd) AS test_name, count(*) AS n,
       string_agg(coalesce(result, '(blank)'), ', ' ORDER BY result) AS results
FROM   lbx
WHERE  NOT blank(accession) AND NOT blank(testcd)
GROUP BY subjid, accession, testcd
HAVING count(*) > 1
