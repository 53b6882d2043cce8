/*
title:    Study treatment withdrawn for an adverse event but not in disposition
severity: major
action:   query
message:  Adverse event {aeterm}: action taken with study treatment is {aeacn}, but no disposition of the subject gives an adverse event as
          the reason; the last one is {disposition}. Please correct the action taken or the reason on the disposition form.

Any disposition record counts, of a treatment or of the study; so does death. A subject whose disposition form is not yet entered is
reported too. It reads withdrawn, permanently stopped or discontinued, and not temporary interruptions.
*/
SELECT a.record_key, a.siteid, a.subjid, a.visit, a.aeterm, a.aestdtc, a.aeacn, s.disposition, s.disposition_date
FROM   ae AS a
LEFT JOIN subjects AS s ON s.subjid = a.subjid
WHERE  NOT blank(a.aeterm)
AND    regexp_matches(upper(a.aeacn), 'WITHDRAWN|DISCONTINUED|STOPPED|PERMANENT')
AND    NOT regexp_matches(upper(a.aeacn), 'TEMPORAR|NOT |INTERRUPT')
AND    NOT EXISTS (
           SELECT 1
           FROM   ds AS d
           WHERE  d.subjid = a.subjid
           AND    regexp_matches(upper(concat_ws(' ', d.dsdecod, d.dsterm)), 'ADVERSE EVENT|DEATH|DIED')
       )
