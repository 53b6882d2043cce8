/*
title:    Planned visit entered twice
severity: major
action:   query
message:  Visit {visit} on {svstdtc}: the subject has this visit already, on {first_date}. Please keep the right record and correct or remove the other.
field:    svstdtc
optional: sv.svoccur

Every record after the first, by date, is reported. Unscheduled visits, and visits answered as not held, may be entered several times.
*/
WITH held AS (
    SELECT record_key, siteid, subjid, visit, nullif(svstdtc, '') AS svstdtc, upper(trim(visit)) AS name
    FROM   sv
    WHERE  yes_no(svoccur) IS DISTINCT FROM 'N'
    AND    NOT blank(visit)
    AND    NOT regexp_matches(upper(visit), 'UNSCHED|UNPLANNED')
)
SELECT record_key, siteid, subjid, visit, svstdtc, first_value(svstdtc) OVER (PARTITION BY subjid, name ORDER BY svstdtc NULLS LAST, record_key) AS first_date
FROM   held
QUALIFY row_number() OVER (PARTITION BY subjid, name ORDER BY svstdtc NULLS LAST, record_key) > 1
