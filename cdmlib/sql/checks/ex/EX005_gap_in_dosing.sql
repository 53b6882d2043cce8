/*
title:    Gap between dosing records
severity: minor
action:   review
params:   max_gap_days = 7
message:  Study treatment {extrt}: no dosing is recorded on the {gap_days} days between {earlier_end} and {exstdtc}; {max_gap_days} are allowed.
          Please find out whether a record is missing.
optional: ex.exoccur, ex.exendtc

Records of one treatment are compared, and only full dates. A record without an end date counts as ending on its start date. For treatment in cycles set
max_gap_days to the longest planned pause.
*/
WITH doses AS (
    SELECT record_key, siteid, subjid, visit, extrt, exstdtc,
           max(left(coalesce(nullif(exendtc, ''), exstdtc), 10)) OVER (PARTITION BY subjid, upper(trim(extrt)) ORDER BY exstdtc, record_key
                                                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS earlier_end
    FROM   ex
    WHERE  exoccur IS DISTINCT FROM 'N'
    AND    iso_full(exstdtc)
)
SELECT record_key, siteid, subjid, visit, extrt, exstdtc, earlier_end, iso_days(earlier_end, exstdtc) - 1 AS gap_days
FROM   doses
WHERE  iso_days(earlier_end, exstdtc) - 1 > $max_gap_days
