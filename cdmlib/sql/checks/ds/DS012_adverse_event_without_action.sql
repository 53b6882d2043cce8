/*
title:    Discontinued for an adverse event, but no event stopped the treatment
severity: major
action:   query
message:  Disposition {dsdecod} on {dsstdtc}: no adverse event of the subject has the action that study treatment was withdrawn. Please correct the action of the
          event that led to it, or the disposition.
field:    dsdecod, ae.aeacn
optional: ds.dsdecod, ds.dsstdtc

The end of treatment and the end of participation are both looked at, once for each subject. The other direction is AE012. Not reported in a
study in which no event has an action, as it is then not collected.
*/
SELECT d.record_key, d.siteid, d.subjid, d.visit, coalesce(nullif(trim(d.dsdecod), ''), d.dsterm) AS dsdecod, d.dsstdtc
FROM   ds AS d
WHERE  regexp_matches(upper(trim(coalesce(nullif(trim(d.dsdecod), ''), d.dsterm))), '^(SERIOUS )?ADVERSE EVENT')
AND    EXISTS (SELECT 1 FROM ae AS o WHERE NOT blank(o.aeacn))
AND    NOT EXISTS (
           SELECT 1
           FROM   ae AS a
           WHERE  a.subjid = d.subjid
           AND    regexp_matches(upper(coalesce(a.aeacn, '')), 'WITHDRAWN|DISCONTINUED|PERMANENTLY')
       )
QUALIFY row_number() OVER (PARTITION BY d.subjid ORDER BY d.dsstdtc NULLS LAST, d.record_key) = 1
