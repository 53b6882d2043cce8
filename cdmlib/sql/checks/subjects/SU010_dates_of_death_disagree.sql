/*
title:    Dates of death disagree
severity: critical
action:   query
message:  Subject {subjid}: the date of death is {one_date} on the page {one_page}, but {other_date} on the page {other_page}. Please correct one of the dates.
field:    ds.dthdtc
optional: dm, ds, ae, dm.dthdtc, ds.dthdtc, ds.dsdecod, ds.dsstdtc, ae.dthdtc

Dates of death of demographics, disposition and adverse events are compared, and the date of a disposition death where that form has no date of death of its own. Partial
dates are compared only as far as both are known. The end of a fatal event is another matter.
*/
WITH deaths AS (
    SELECT subjid, 'Demographics' AS page, dthdtc AS day FROM dm WHERE NOT blank(dthdtc)
    UNION
    SELECT subjid, 'Disposition', coalesce(nullif(dthdtc, ''), dsstdtc) FROM ds
    WHERE  NOT blank(dthdtc) OR (death_term(coalesce(nullif(trim(dsdecod), ''), dsterm)) AND NOT blank(dsstdtc))
    UNION
    SELECT subjid, 'Adverse events', dthdtc FROM ae WHERE NOT blank(dthdtc)
)
SELECT s.record_key, s.siteid, s.subjid, a.day AS one_date, a.page AS one_page, b.day AS other_date, b.page AS other_page
FROM   subjects AS s
JOIN   deaths AS a ON a.subjid = s.subjid
JOIN   deaths AS b ON b.subjid = s.subjid AND iso_before(a.day, b.day)
QUALIFY row_number() OVER (PARTITION BY s.subjid ORDER BY a.day, b.day, a.page, b.page) = 1
