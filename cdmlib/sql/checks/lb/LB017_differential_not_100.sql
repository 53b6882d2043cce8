/*
title:    Differential blood count does not add up to 100 percent
severity: minor
action:   query
params:   points = 5
message:  Laboratory {visit}, {lbdtc}: the five kinds of leukocytes add up to {total} percent: neutrophils {neutrophils}, lymphocytes {lymphocytes}, monocytes
          {monocytes}, eosinophils {eosinophils}, basophils {basophils}. Please correct the result that is wrong, or confirm all.
field:    lborres
optional: lb.lbtim, lb.lbrefid

All five must be there as percentages, once each in one sample (subject, visit, date, time, accession number); $points percentage points either way are allowed.
Cells that are counted apart (bands, blasts) are not added, so a sum that is too low may be right in illness. The finding is on the neutrophils.
*/
WITH cells AS (
    SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, l.lbtim, l.lbrefid, left(upper(trim(l.lbtestcd)), 3) AS cell, l.lborresn AS percent
    FROM   lb AS l
    JOIN   lab_tests AS t ON t.testcd = upper(trim(l.lbtestcd)) AND t.kind = 'differential'
    WHERE  trim(l.lborresu) = '%'
    AND    l.lborresn IS NOT NULL
)
SELECT min(CASE WHEN cell = 'NEU' THEN record_key END) AS record_key, min(siteid) AS siteid, subjid, visit, lbdtc, round(sum(percent), 1) AS total,
       max(CASE WHEN cell = 'NEU' THEN percent END) AS neutrophils, max(CASE WHEN cell = 'LYM' THEN percent END) AS lymphocytes,
       max(CASE WHEN cell = 'MON' THEN percent END) AS monocytes, max(CASE WHEN cell = 'EOS' THEN percent END) AS eosinophils,
       max(CASE WHEN cell = 'BAS' THEN percent END) AS basophils
FROM   cells
GROUP BY subjid, visit, lbdtc, lbtim, lbrefid
HAVING count(*) = 5 AND count(DISTINCT cell) = 5 AND abs(round(sum(percent), 1) - 100) > $points
