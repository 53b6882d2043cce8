/*
title:    Visit after the disposition date
severity: major
action:   query
params:   days = 0
message:  Disposition {dsdecod} on {dsstdtc}: visit {last_visit} took place {days_after} days later, on {visit_date}. Please correct one of the dates.
field:    dsstdtc
optional: ds.dscat, ds.dsscat, ds.dsdecod

One finding for each disposition, on the latest visit; $days more are allowed. Visits that follow the end of participation by plan (follow-up, retrieval,
safety) and unscheduled ones are left out by their names. Withdrawn consent, lost to follow-up and death are left to DS009, DS010 and SU002. Only full dates.
*/
SELECT d.record_key, d.siteid, d.subjid, d.visit, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm) AS dsdecod, d.dsstdtc, v.visit AS last_visit, v.visit_date,
       iso_days(d.dsstdtc, v.visit_date) AS days_after
FROM   ds AS d
JOIN   visits AS v ON v.subjid = d.subjid
WHERE  study_disposition(d.dscat, d.dsscat, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    NOT consent_withdrawn_term(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    NOT lost_term(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    NOT death_term(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))
AND    NOT regexp_matches(upper(coalesce(v.visit, '')), 'FOLLOW|RETRIEV|UNSCHED|SAFETY|POST')
AND    iso_days(d.dsstdtc, v.visit_date) > $days
QUALIFY row_number() OVER (PARTITION BY d.record_key ORDER BY v.visit_date DESC, v.record_key DESC) = 1
