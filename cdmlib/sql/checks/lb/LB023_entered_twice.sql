/*
title:    Same laboratory result entered twice
severity: minor
action:   query
message:  Laboratory {visit}, {lbdtc} {lbtim}: {test} {lborres} is entered more than once. Please remove the record that is one too many.
field:    lborres
optional: lb.lbtest, lb.lbtim, lb.lbcat, lb.lbspec, lb.lborresu, lb.lbtpt, lb.lbpos, lb.lbloc, lb.lbnam, lb.lbrefid, lb.lbspid

The same subject, visit, test, date and time, and everything that tells samples apart (category, specimen, unit, time point, laboratory, accession number, sample number).
Every record after the first is reported. Different results of one sample are LB006. Records under two visits are not compared.
*/
WITH repeated AS (  -- few, and by a short key, so that the wide comparison below stays small
    SELECT hash(subjid, lbtestcd, lbdtc) AS short_key
    FROM   lb
    WHERE  NOT blank(lborres)
    AND    NOT blank(lbdtc)
    GROUP BY hash(subjid, lbtestcd, lbdtc)
    HAVING count(*) > 1
)
SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, l.lbtim, coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd) AS test, l.lborres
FROM   lb AS l
JOIN   repeated AS r ON r.short_key = hash(l.subjid, l.lbtestcd, l.lbdtc)
WHERE  NOT blank(l.lborres)
AND    NOT blank(l.lbdtc)
QUALIFY row_number() OVER (
    PARTITION BY l.subjid, l.visit, l.lbtestcd, l.lbdtc, l.lborres, l.lbtim, l.lbcat, l.lbspec, l.lborresu, l.lbtpt, l.lbpos, l.lbloc, l.lbnam, l.lbrefid, l.lbspid
    ORDER BY l.record_key) > 1
