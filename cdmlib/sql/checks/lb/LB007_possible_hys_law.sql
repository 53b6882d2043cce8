/*
title:    Possible drug-induced liver injury (Hy's law)
severity: critical
action:   review
params:   enzyme = 3, bilirubin = 2, phosphatase = 2, days = 14
message:  Laboratory {visit}, {lbdtc}: bilirubin is {lborres} {lborresu}, {bilirubin_times} times the upper limit, and {enzyme_test} on {enzyme_date} is {enzyme_result}, {enzyme_times} times
          the upper limit. Please find out whether a serious adverse event is entered, and inform the medical monitor.
field:    lborres
optional: lb.lborresu

Alanine or aspartate aminotransferase above $enzyme times and bilirubin above $bilirubin times their upper limits within $days days of each other, while
alkaline phosphatase of the day of the enzyme is below $phosphatase times its limit or not known. Each result is compared with the limit of its own
report, so units do not matter; a result without an upper limit or a full date is not judged. One finding for each subject, on the first
such bilirubin. It does not look at what was raised before treatment.
*/
WITH liver AS (
    SELECT record_key, siteid, subjid, visit, lbdtc, upper(trim(lbtestcd)) AS testcd, lborres, lborresu, lborresn / lbornrhi AS times
    FROM   lb
    WHERE  upper(trim(lbtestcd)) IN ('ALT', 'AST', 'BILI', 'ALP')
    AND    lborresn > 0
    AND    lbornrhi > 0
    AND    iso_full(lbdtc)
)
SELECT b.record_key, b.siteid, b.subjid, b.visit, b.lbdtc, b.lborres, b.lborresu, round(b.times, 1) AS bilirubin_times,
       e.testcd AS enzyme_test, e.lbdtc AS enzyme_date, e.lborres AS enzyme_result, round(e.times, 1) AS enzyme_times
FROM   liver AS b
JOIN   liver AS e ON e.subjid = b.subjid AND abs(iso_days(e.lbdtc, b.lbdtc)) <= $days
WHERE  b.testcd = 'BILI' AND b.times > $bilirubin
AND    e.testcd IN ('ALT', 'AST') AND e.times > $enzyme
AND    NOT EXISTS (SELECT 1 FROM liver AS p WHERE p.subjid = e.subjid AND p.testcd = 'ALP' AND left(p.lbdtc, 10) = left(e.lbdtc, 10) AND p.times >= $phosphatase)
QUALIFY row_number() OVER (PARTITION BY b.subjid ORDER BY b.lbdtc, b.record_key, e.times DESC, e.record_key) = 1
