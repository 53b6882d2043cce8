/*
title:    Deaths
optional: subjects, ae, dm, ds

One line per subject with any sign of death: a date or a flag, a disposition, or a fatal adverse event. Compare the columns side by side.
*/
WITH fatal AS (
    SELECT subjid, min(aeterm) AS fatal_event, min(aestdtc) AS fatal_event_start, max(aeendtc) AS fatal_event_end, count(*) AS fatal_records
    FROM   ae
    WHERE  aesdth = 'Y' OR regexp_matches(upper(trim(aeout)), '^(FATAL|DEATH|DIED)')
    GROUP BY subjid
),
demographics AS (SELECT subjid, max(dthdtc) AS dm_death_date, max(dthfl) AS dm_death_flag FROM dm GROUP BY subjid),
dispositions AS (SELECT subjid, max(dthdtc) AS ds_death_date FROM ds GROUP BY subjid)
SELECT s.record_key, s.siteid, s.subjid, s.status, s.death_date, m.dm_death_date, m.dm_death_flag, d.ds_death_date, s.disposition, s.disposition_date,
       f.fatal_event, f.fatal_event_start, f.fatal_event_end, f.fatal_records, s.first_dose, s.last_dose, iso_days(s.last_dose, s.death_date) AS days_after_last_dose,
       s.last_contact
FROM   subjects AS s
LEFT JOIN fatal AS f ON f.subjid = s.subjid
LEFT JOIN demographics AS m ON m.subjid = s.subjid
LEFT JOIN dispositions AS d ON d.subjid = s.subjid
WHERE  s.status = 'DEATH' OR f.subjid IS NOT NULL
ORDER BY s.siteid, s.subjid, s.death_date NULLS LAST, s.record_key
