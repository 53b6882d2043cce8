/*
title:    Clinically significant laboratory result without an adverse event
severity: major
action:   query
params:   days = 14
message:  Laboratory {visit}, {lbdtc}: {test} {lborres} is assessed as clinically significant, but no adverse event is entered for that time. Please enter
          the adverse event, or correct the assessment.
field:    lbclsig
optional: lb.lbtest, ae.aeendtc

Samples after the day of the first dose are looked at. An adverse event counts when it starts no later than $days days after the sample and did not
end more than $days days before it; one without a start date counts. Whether the event has to do with the test is not judged, so a subject with a
long event of another kind is not found.
*/
SELECT l.record_key, l.siteid, l.subjid, l.visit, l.lbdtc, coalesce(nullif(trim(l.lbtest), ''), l.lbtestcd) AS test, l.lborres, l.lbclsig, s.first_dose
FROM   lb AS l
JOIN   subjects AS s ON s.subjid = l.subjid
WHERE  yes_no(l.lbclsig) = 'Y'
AND    iso_after(left(l.lbdtc, 10), s.first_dose)
AND    NOT EXISTS (SELECT 1 FROM ae AS a
                   WHERE  a.subjid = l.subjid
                   AND    NOT blank(a.aeterm)
                   AND    NOT coalesce(iso_after(a.aestdtc, coalesce(iso_plus(l.lbdtc, $days), l.lbdtc)), false)
                   AND    NOT coalesce(iso_before(a.aeendtc, coalesce(iso_plus(l.lbdtc, -$days), l.lbdtc)), false))
