/*
title:    Subjects
optional: dm, ae, cm, mh, ds, ex, lb, vs, eg, qs, sv, pr, ie, dv, pc

One row per subject that appears in any table, also when demographics are missing. The site is the one of demographics, else the first in
alphabetical order of the other records.
- Dates are as partial as they were collected. Of several, the earliest (consent, randomisation, first dose, death) or the latest (last
  dose) is taken; a partial date counts as the earliest only when it is so for certain.
- consent_date: demographics, else the disposition milestone. death_date: the earliest of demographics, adverse
  events and disposition, where the date of a disposition death counts too.
- A dose answered as not taken is no dose. A placebo dose of 0 is one.
- disposition: the latest record that says how the subject left the study; a record for the end of a treatment alone is not one.
- last_contact: the latest full date of visits, vital signs, laboratory, adverse events, disposition and dosing, as collected: a mistyped
  date in the future shows up here.
- status: DEATH before SCREEN FAILURE, COMPLETED, DISCONTINUED (any other disposition), ON TREATMENT (dosed), RANDOMISED, SCREENED.
*/
WITH everyone AS (
    SELECT subjid, min(siteid) AS siteid
    FROM  (SELECT subjid, siteid FROM dm UNION SELECT subjid, siteid FROM ae UNION SELECT subjid, siteid FROM cm UNION SELECT subjid, siteid FROM mh
           UNION SELECT subjid, siteid FROM ds UNION SELECT subjid, siteid FROM ex UNION SELECT subjid, siteid FROM lb
           UNION SELECT subjid, siteid FROM vs UNION SELECT subjid, siteid FROM eg UNION SELECT subjid, siteid FROM qs
           UNION SELECT subjid, siteid FROM sv UNION SELECT subjid, siteid FROM pr UNION SELECT subjid, siteid FROM ie
           UNION SELECT subjid, siteid FROM dv UNION SELECT subjid, siteid FROM pc) AS appearances
    WHERE  NOT blank(subjid)
    GROUP BY subjid
),
person AS (  -- a second demographics record of a subject is reported by DM006; the first counts here
    SELECT subjid, siteid, source, dataset, source_row, country, sex, brthdtc, age, coalesce(arm, actarm) AS arm, dthfl
    FROM   dm
    QUALIFY row_number() OVER (PARTITION BY subjid ORDER BY record_key) = 1
),
exits AS (
    SELECT record_key, subjid, dscat, dsscat, coalesce(nullif(trim(dsdecod), ''), trim(dsterm)) AS term, nullif(dsstdtc, '') AS day, nullif(dthdtc, '') AS death_day
    FROM   ds
),
milestones AS (
    SELECT subjid,
           iso_earliest(CASE WHEN upper(term) LIKE '%CONSENT%' OR upper(term) LIKE '%ASSENT%' THEN day END) AS consent_day,
           iso_earliest(CASE WHEN upper(term) LIKE 'RANDOMI%' THEN day END) AS randomised_day,
           count(CASE WHEN upper(term) LIKE 'RANDOMI%' THEN 1 END) > 0 AS randomised
    FROM   exits
    WHERE  milestone_term(term)
    GROUP BY subjid
),
final AS (
    SELECT subjid, term, left(day, 10) AS day
    FROM   exits
    WHERE  study_disposition(dscat, dsscat, term)
    QUALIFY row_number() OVER (PARTITION BY subjid ORDER BY day DESC NULLS LAST, record_key DESC) = 1
),
consents AS (SELECT subjid, iso_earliest(rficdtc) AS day FROM dm GROUP BY subjid),
deaths AS (
    SELECT subjid, iso_earliest(day) AS day
    FROM  (SELECT subjid, dthdtc AS day FROM dm
           UNION ALL SELECT subjid, death_day FROM exits
           UNION ALL SELECT subjid, dthdtc FROM ae
           UNION ALL SELECT subjid, day FROM exits WHERE death_term(term)) AS death_days
    GROUP BY subjid
),
doses AS (
    SELECT subjid, iso_earliest(exstdtc) AS first_day, left(max(greatest(exstdtc, exendtc)), 10) AS last_day
    FROM   ex
    WHERE  exoccur IS DISTINCT FROM 'N'
    GROUP BY subjid
),
contacts AS (
    SELECT subjid, left(max(day), 10) AS day
    FROM  (SELECT subjid, max(CASE WHEN iso_full(svstdtc) THEN svstdtc END) AS day FROM sv GROUP BY subjid
           UNION ALL SELECT subjid, max(CASE WHEN iso_full(svendtc) THEN svendtc END) FROM sv GROUP BY subjid
           UNION ALL SELECT subjid, max(CASE WHEN iso_full(vsdtc) THEN vsdtc END) FROM vs GROUP BY subjid
           UNION ALL SELECT subjid, max(CASE WHEN iso_full(lbdtc) THEN lbdtc END) FROM lb GROUP BY subjid
           UNION ALL SELECT subjid, max(CASE WHEN iso_full(aestdtc) THEN aestdtc END) FROM ae GROUP BY subjid
           UNION ALL SELECT subjid, max(CASE WHEN iso_full(aeendtc) THEN aeendtc END) FROM ae GROUP BY subjid
           UNION ALL SELECT subjid, max(CASE WHEN iso_full(dsstdtc) THEN dsstdtc END) FROM ds GROUP BY subjid
           UNION ALL SELECT subjid, max(CASE WHEN iso_full(exstdtc) THEN exstdtc END) FROM ex GROUP BY subjid
           UNION ALL SELECT subjid, max(CASE WHEN iso_full(exendtc) THEN exendtc END) FROM ex GROUP BY subjid) AS days
    GROUP BY subjid
)
SELECT e.subjid AS record_key, coalesce(p.siteid, e.siteid) AS siteid, e.subjid,
       CAST(NULL AS VARCHAR) AS visit, CAST(NULL AS VARCHAR) AS form, CAST(NULL AS VARCHAR) AS formrow, p.source, p.dataset, p.source_row,
       p.country, p.sex, p.brthdtc AS birth_date, p.age, p.arm,
       coalesce(c.day, m.consent_day) AS consent_date, m.randomised_day AS randomised_date,
       d.first_day AS first_dose, d.last_day AS last_dose,
       f.term AS disposition, f.day AS disposition_date, x.day AS death_date, k.day AS last_contact,
       CASE
           WHEN x.day IS NOT NULL OR p.dthfl = 'Y' OR death_term(f.term) THEN 'DEATH'
           WHEN screen_failure_term(f.term) THEN 'SCREEN FAILURE'
           WHEN completed_term(f.term) THEN 'COMPLETED'
           WHEN f.term IS NOT NULL THEN 'DISCONTINUED'
           WHEN d.subjid IS NOT NULL THEN 'ON TREATMENT'
           WHEN m.randomised THEN 'RANDOMISED'
           WHEN screen_failure_term(p.arm) THEN 'SCREEN FAILURE'
           ELSE 'SCREENED'
       END AS status
FROM   everyone AS e
LEFT JOIN person AS p ON p.subjid = e.subjid
LEFT JOIN milestones AS m ON m.subjid = e.subjid
LEFT JOIN final AS f ON f.subjid = e.subjid
LEFT JOIN consents AS c ON c.subjid = e.subjid
LEFT JOIN deaths AS x ON x.subjid = e.subjid
LEFT JOIN doses AS d ON d.subjid = e.subjid
LEFT JOIN contacts AS k ON k.subjid = e.subjid
ORDER BY siteid, e.subjid
