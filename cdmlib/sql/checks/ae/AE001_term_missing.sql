/*
title:    Adverse event has no term
severity: major
action:   query
message:  Adverse events: no event term is entered, although start date is {aestdtc}, severity {aesev} and outcome {aeout}. Please enter the
          term, or remove the record if there was no event.
field:    aeterm
optional: ae.aeyn, ae.aestdat, ae.aeendat, ae.aeendtc, ae.aesev, ae.aetoxgr, ae.aeser, ae.aerel, ae.aeacn, ae.aeout

Reported when the page says that there were events, or when anything else of the event is entered. A page that says there were none is
not reported (AE014 covers events on it), nor is a row that is empty throughout.
*/
SELECT record_key, siteid, subjid, visit, aeyn, aestdtc, aesev, aeser, aeout
FROM   ae
WHERE  blank(aeterm)
AND    (aeyn = 'Y'
        OR (aeyn IS DISTINCT FROM 'N'
            AND NOT blank(concat_ws('', aestdat, aestdtc, aeendat, aeendtc, aesev, aetoxgr, aeser, aerel, aeacn, aeout))))
