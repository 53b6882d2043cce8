/*
title:    Subject has records under two sites
severity: major
action:   query
message:  Subject {subjid}: demographics are under site {siteid}, but {records} records of {pages} are under site {other_site}. Please correct the site, or confirm that the
          subject moved.
field:    dm.subjid
optional: ae, cm, mh, ds, ex, lb, vs, eg, qs, sv, pr, ie, dv

A subject who moves to another site is reported once for each other site; switch to the new site in the demographics does not change it. Records without a site of their
own have the one of demographics.
*/
WITH places AS (
    SELECT subjid, siteid, 'ae' AS domain, count(*) AS n FROM ae GROUP BY subjid, siteid
    UNION ALL SELECT subjid, siteid, 'cm', count(*) FROM cm GROUP BY subjid, siteid
    UNION ALL SELECT subjid, siteid, 'mh', count(*) FROM mh GROUP BY subjid, siteid
    UNION ALL SELECT subjid, siteid, 'ds', count(*) FROM ds GROUP BY subjid, siteid
    UNION ALL SELECT subjid, siteid, 'ex', count(*) FROM ex GROUP BY subjid, siteid
    UNION ALL SELECT subjid, siteid, 'lb', count(*) FROM lb GROUP BY subjid, siteid
    UNION ALL SELECT subjid, siteid, 'vs', count(*) FROM vs GROUP BY subjid, siteid
    UNION ALL SELECT subjid, siteid, 'eg', count(*) FROM eg GROUP BY subjid, siteid
    UNION ALL SELECT subjid, siteid, 'qs', count(*) FROM qs GROUP BY subjid, siteid
    UNION ALL SELECT subjid, siteid, 'sv', count(*) FROM sv GROUP BY subjid, siteid
    UNION ALL SELECT subjid, siteid, 'pr', count(*) FROM pr GROUP BY subjid, siteid
    UNION ALL SELECT subjid, siteid, 'ie', count(*) FROM ie GROUP BY subjid, siteid
    UNION ALL SELECT subjid, siteid, 'dv', count(*) FROM dv GROUP BY subjid, siteid
),
elsewhere AS (
    SELECT s.record_key, s.siteid, s.subjid, p.siteid AS other_site, sum(p.n) AS records, string_agg(form_name(p.domain), ', ' ORDER BY p.domain) AS pages
    FROM   subjects AS s
    JOIN   places AS p ON p.subjid = s.subjid AND p.siteid <> s.siteid
    GROUP BY s.record_key, s.siteid, s.subjid, p.siteid
)
SELECT record_key, siteid, subjid, other_site, CAST(records AS BIGINT) AS records, pages
FROM   elsewhere
QUALIFY row_number() OVER (PARTITION BY subjid ORDER BY records DESC, other_site) = 1
