/*
title:    Laboratory result far from the subject's other results
severity: major
action:   review
params:   results = 3, multiple = 3, times = 2
message:  Laboratory {visit}, {lbdtc}: {test} is {lborres} {lborresu}, {ratio} times the subject's usual {usual} ({others} other results){reading}. Please find
          out whether the result or its unit is wrong.
field:    lborres, lborresu
optional: lb.lbtest, lb.lbspec, lb.lborresu, lb.lbstresn, lb.lbstresu, lb.lbornrlo, lb.lbornrhi

For each subject and test with at least $results results, the one that lies farthest from their median, when it is outside its own reference range and either
- it differs, give or take a fifth, by a factor that points to a unit or a decimal point (table lab_factors), while the other results lie together, or
- by more than $multiple times the spread that subjects of this study usually have in this test, and at least $times-fold.
Standard results are compared where there are any. It does not catch a subject whose results are all in the wrong unit, nor results of 0.
*/
WITH results AS (
    SELECT record_key, siteid, subjid, visit, lbdtc, coalesce(nullif(trim(lbtest), ''), lbtestcd) AS test, lborres, lborresu, lborresn, lbornrlo, lbornrhi,
           lbtestcd AS testcd, lbspec AS specimen, coalesce(lbstresn, lborresn) AS value,
           CASE WHEN lbstresn IS NULL THEN lborresu ELSE lbstresu END AS unit
    FROM   lb
    WHERE  coalesce(lbstresn, lborresn) > 0
),
series AS (  -- highest over lowest says whether a series can hold anything at all
    SELECT subjid, lbtestcd AS testcd, lbspec AS specimen, CASE WHEN lbstresn IS NULL THEN lborresu ELSE lbstresu END AS unit, count(*) AS n,
           ln(max(coalesce(lbstresn, lborresn)) / min(coalesce(lbstresn, lborresn))) AS spread
    FROM   lb
    WHERE  coalesce(lbstresn, lborresn) > 0
    GROUP BY subjid, lbtestcd, lbspec, CASE WHEN lbstresn IS NULL THEN lborresu ELSE lbstresu END
    HAVING count(*) >= $results
),
tests AS (SELECT testcd, specimen, unit, median(spread) AS usual_spread FROM series GROUP BY testcd, specimen, unit),
wide AS (
    SELECT s.subjid, s.testcd, s.specimen, s.unit, s.n, t.usual_spread
    FROM   series AS s
    JOIN   tests AS t ON t.testcd = s.testcd AND t.specimen IS NOT DISTINCT FROM s.specimen AND t.unit IS NOT DISTINCT FROM s.unit
    WHERE  s.spread > ln(1.5)
),
compared AS (
    SELECT r.record_key, r.siteid, r.subjid, r.visit, r.lbdtc, r.test, r.testcd, r.specimen, r.unit, r.lborres, r.lborresu, r.lborresn, r.lbornrlo, r.lbornrhi,
           r.value, w.n, w.usual_spread, median(r.value) OVER (PARTITION BY r.subjid, r.testcd, r.specimen, r.unit) AS usual
    FROM   results AS r
    JOIN   wide AS w
    ON     w.subjid = r.subjid AND w.testcd = r.testcd AND w.specimen IS NOT DISTINCT FROM r.specimen AND w.unit IS NOT DISTINCT FROM r.unit
),
placed AS (
    SELECT *, abs(ln(value / usual)) AS distance,
           row_number() OVER (PARTITION BY subjid, testcd, specimen, unit ORDER BY abs(ln(value / usual)) DESC, record_key) AS place,
           lead(abs(ln(value / usual))) OVER (PARTITION BY subjid, testcd, specimen, unit ORDER BY abs(ln(value / usual)) DESC, record_key) AS next_distance
    FROM   compared
),
farthest AS (
    SELECT p.record_key, p.siteid, p.subjid, p.visit, p.lbdtc, p.test, p.lborres, p.lborresu, p.value, p.usual, p.n, p.distance, p.usual_spread,
           (SELECT min_by(f.reading, abs(p.distance - ln(f.factor))) FROM lab_factors AS f
            WHERE  f.testcd IN ('*', upper(trim(p.testcd)))
            AND    abs(p.distance - ln(f.factor)) <= 0.2 + p.next_distance / 4
            AND    p.next_distance < ln(f.factor) / 4) AS reading
    FROM   placed AS p
    WHERE  p.place = 1
    AND    (p.lborresn < p.lbornrlo OR p.lborresn > p.lbornrhi OR (p.lbornrlo IS NULL AND p.lbornrhi IS NULL))
)
SELECT record_key, siteid, subjid, visit, lbdtc, test, lborres, lborresu, round(usual, 2) AS usual, round(value / usual, 2) AS ratio, n - 1 AS others,
       CASE WHEN reading IS NULL THEN '' ELSE ', which points to ' || reading END AS reading
FROM   farthest
WHERE  reading IS NOT NULL
OR     (distance > $multiple * usual_spread AND distance >= ln($times))
