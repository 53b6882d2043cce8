/*
title:    Dosing intervals overlap
severity: major
action:   query
message:  Study treatment {extrt}: the interval from {exstdtc} to {exendtc} starts before an earlier interval ends on {earlier_end}. Please
          correct the dates.
optional: ex.exoccur

Intervals of one treatment are compared. One interval may start on the day another ends. Doses answered as not taken are left out, and so is an interval with the same dates as
another (EX009). Two strengths
of one treatment given side by side are reported where they have the same treatment name.
*/
WITH doses AS (
    SELECT record_key, siteid, subjid, visit, extrt, nullif(exstdtc, '') AS exstdtc, nullif(exendtc, '') AS exendtc,
           max(nullif(exendtc, '')) OVER (PARTITION BY subjid, upper(trim(extrt)) ORDER BY exstdtc, record_key
                                          ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_end
    FROM  (SELECT record_key, siteid, subjid, visit, extrt, exstdtc, exendtc
           FROM   ex
           WHERE  exoccur IS DISTINCT FROM 'N'
           AND    NOT blank(exstdtc)
           QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(extrt)), exstdtc, exendtc ORDER BY record_key) = 1) AS intervals
)
SELECT record_key, siteid, subjid, visit, extrt, exstdtc, exendtc, earlier_end
FROM   doses
WHERE  iso_before(exstdtc, earlier_end)
