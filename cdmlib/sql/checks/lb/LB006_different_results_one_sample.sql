/*
title:    Two different results of one laboratory test
severity: major
action:   query
message:  Laboratory {visit}, {lbdtc} {lbtim}: the result of {test} is {lborres}, but it is also recorded as {first_result}. Please keep the right
          result and remove the other.
optional: lb.lbtest, lb.lbtim, lb.lbcat, lb.lbspec, lb.lborresu, lb.lbtpt, lb.lbpos, lb.lbloc, lb.lbnam, lb.lbrefid

The same subject, test, date and time, category, specimen, unit, time point and laboratory. Where no time is recorded the visit and the
accession number must agree too, as a test may be repeated on one day. Every record that differs from the first is reported. Identical
results entered twice are not.
*/
WITH repeated AS (  -- few, and by a short key, so that the wide comparison below stays small
    SELECT hash(subjid, upper(trim(lbtestcd)), lbdtc) AS short_key
    FROM   lb
    WHERE  iso_full(lbdtc)
    AND    NOT blank(lborres)
    GROUP BY hash(subjid, upper(trim(lbtestcd)), lbdtc)
    HAVING count(*) > 1
),
samples AS (
    SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, l.lbtim, coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd) AS test, l.lborres, upper(trim(l.lbtestcd)) AS testcd,
           coalesce(CAST(num(l.lborres) AS VARCHAR), upper(trim(l.lborres))) AS result,
           upper(concat_ws('|', coalesce(l.lbtim, ''), coalesce(l.lbcat, ''), coalesce(l.lbspec, ''), coalesce(l.lborresu, ''), coalesce(l.lbtpt, ''),
                           coalesce(l.lbpos, ''), coalesce(l.lbloc, ''), coalesce(l.lbnam, ''),
                           CASE WHEN length(l.lbdtc) > 10 OR NOT blank(l.lbtim) THEN '' ELSE concat_ws('|', coalesce(l.visit, ''), coalesce(l.lbrefid, '')) END)) AS sample
    FROM   lb AS l
    JOIN   repeated AS r ON r.short_key = hash(l.subjid, upper(trim(l.lbtestcd)), l.lbdtc)
    WHERE  iso_full(l.lbdtc)
    AND    NOT blank(l.lborres)
),
compared AS (
    SELECT record_key, siteid, subjid, visit, lbdtc, lbtim, test, lborres, result,
           first_value(lborres) OVER (PARTITION BY subjid, testcd, lbdtc, sample ORDER BY record_key) AS first_result,
           first_value(result) OVER (PARTITION BY subjid, testcd, lbdtc, sample ORDER BY record_key) AS first_compared
    FROM   samples
)
SELECT record_key, siteid, subjid, visit, lbdtc, lbtim, test, lborres, first_result
FROM   compared
WHERE  result <> first_compared
