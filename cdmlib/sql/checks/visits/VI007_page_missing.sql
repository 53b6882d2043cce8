/*
title:    Page of a visit is missing
severity: major
action:   query
params:   percent = 90, days = 14
message:  Visit {visit} on {visit_date}: nothing is entered for {pages}, which other subjects have at this visit. Please enter the data, or the answer that it was not
          done.
field:    sv.svstdtc
optional: vs, lb, eg, qs, sv

A page belongs to a visit when at least $percent percent of ten or more subjects with that visit have it. Visits of the last $days days before the cut-off date
are passed over, and so are visits answered as not held and unscheduled ones. It does not catch a page that is missing for many.
*/
WITH pages AS (
    SELECT subjid, upper(trim(visit)) AS name, 'vs' AS domain FROM vs GROUP BY subjid, upper(trim(visit))
    UNION ALL
    SELECT subjid, upper(trim(visit)), 'lb' FROM lb GROUP BY subjid, upper(trim(visit))
    UNION ALL
    SELECT subjid, upper(trim(visit)), 'eg' FROM eg GROUP BY subjid, upper(trim(visit))
    UNION ALL
    SELECT subjid, upper(trim(visit)), 'qs' FROM qs GROUP BY subjid, upper(trim(visit))
),
held AS (
    SELECT record_key, siteid, subjid, visit, visit_date, upper(trim(visit)) AS name
    FROM   visits
    WHERE  iso_days(visit_date, $as_of) > $days
    AND    NOT regexp_matches(upper(coalesce(visit, 'UNSCHED')), 'UNSCHED|UNPLANNED')
    QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(visit)) ORDER BY visit_date, record_key) = 1
),
usual AS (
    SELECT h.name, p.domain
    FROM   held AS h
    JOIN   pages AS p ON p.subjid = h.subjid AND p.name = h.name
    JOIN  (SELECT name, count(*) AS n FROM held GROUP BY name) AS a ON a.name = h.name
    GROUP BY h.name, p.domain, a.n
    HAVING a.n >= 10 AND 100.0 * count(*) / a.n >= $percent
)
SELECT h.record_key, h.siteid, h.subjid, h.visit, h.visit_date, string_agg(form_name(u.domain), ', ' ORDER BY u.domain) AS pages
FROM   held AS h
JOIN   usual AS u ON u.name = h.name
WHERE  NOT EXISTS (SELECT 1 FROM pages AS p WHERE p.subjid = h.subjid AND p.name = h.name AND p.domain = u.domain)
AND    NOT EXISTS (SELECT 1 FROM sv AS n WHERE n.subjid = h.subjid AND upper(trim(n.visit)) = h.name AND yes_no(n.svoccur) = 'N')
GROUP BY h.record_key, h.siteid, h.subjid, h.visit, h.visit_date
