/*
title:    Page is dated away from its visit
severity: minor
action:   query
params:   days = 3
message:  Visit {visit} on {visit_date}: {page} of this visit is dated {page_date}, {days_away} days away; {days} are allowed. Please correct one of the dates, or confirm
          both.
field:    sv.svstdtc
optional: vs, lb, eg, qs

One finding for each visit, on the page furthest away. A visit held on several days, or again on another day, is compared with the nearest of them. Only full dates.
Not meant for studies whose visits have no date of their own: their visit date is taken from the pages.
*/
WITH pages AS (
    SELECT subjid, visit, 'vs' AS domain, vsdtc AS day FROM vs WHERE iso_full(vsdtc) GROUP BY subjid, visit, vsdtc
    UNION ALL
    SELECT subjid, visit, 'lb', lbdtc FROM lb WHERE iso_full(lbdtc) GROUP BY subjid, visit, lbdtc
    UNION ALL
    SELECT subjid, visit, 'eg', egdtc FROM eg WHERE iso_full(egdtc) GROUP BY subjid, visit, egdtc
    UNION ALL
    SELECT subjid, visit, 'qs', qsdtc FROM qs WHERE iso_full(qsdtc) GROUP BY subjid, visit, qsdtc
),
held AS (
    SELECT v.record_key, v.siteid, v.subjid, v.visit, v.visit_date, max(n.svendtc) AS visit_end
    FROM   visits AS v
    JOIN   sv AS n ON n.subjid = v.subjid AND n.visit = v.visit AND left(n.svstdtc, 10) = v.visit_date
    WHERE  iso_full(v.visit_date)
    GROUP BY v.record_key, v.siteid, v.subjid, v.visit, v.visit_date
),
away AS (
    SELECT h.record_key, h.siteid, h.subjid, h.visit, h.visit_date, p.domain, left(p.day, 10) AS page_date,
           CASE WHEN p.day < h.visit_date THEN iso_days(p.day, h.visit_date)
                ELSE greatest(0, iso_days(greatest(h.visit_date, coalesce(nullif(h.visit_end, ''), h.visit_date)), p.day)) END AS days_away
    FROM   held AS h
    JOIN   pages AS p ON p.subjid = h.subjid AND p.visit = h.visit
    QUALIFY row_number() OVER (PARTITION BY p.subjid, p.visit, p.domain, p.day ORDER BY days_away, h.record_key) = 1
)
SELECT record_key, siteid, subjid, visit, visit_date, form_name(domain) AS page, page_date, days_away
FROM   away
WHERE  days_away > $days
QUALIFY row_number() OVER (PARTITION BY record_key ORDER BY days_away DESC, domain, page_date) = 1
