/*
title:    Country differs from that of the site
severity: minor
action:   query
params:   percent = 80
message:  Demographics: country is {country}, but {share} percent of the subjects of site {siteid} have {site_country}. Please correct the country, or confirm it.

A site has a country when at least $percent percent of its subjects have it, and it has four subjects or more. In a small site a wrong country is
not caught.
*/
WITH counted AS (
    SELECT siteid, upper(trim(country)) AS site_country, count(*) AS n, sum(count(*)) OVER (PARTITION BY siteid) AS of_all
    FROM   dm
    WHERE  NOT blank(country)
    GROUP BY siteid, upper(trim(country))
)
SELECT d.record_key, d.siteid, d.subjid, d.country, c.site_country, CAST(floor(100.0 * c.n / c.of_all) AS INTEGER) AS share
FROM   dm AS d
JOIN   counted AS c ON c.siteid = d.siteid AND c.of_all >= 4 AND 100.0 * c.n / c.of_all >= $percent
WHERE  NOT blank(d.country)
AND    upper(trim(d.country)) <> c.site_country
