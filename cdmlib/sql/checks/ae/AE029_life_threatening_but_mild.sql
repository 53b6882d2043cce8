/*
title:    Fatal or life-threatening adverse event is graded mild
severity: major
action:   query
message:  Adverse event {aeterm}: the severity is {aesev}, but life threatening is {aeslife} and the outcome {aeout}. Please correct the
          severity, or the other answer.
field:    aesev, aeslife, aeout
optional: ae.aeslife, ae.aesdth, ae.aeout

Severity and seriousness are two things: severe events need not be serious, and a serious one may be mild (hospitalisation for observation).
An event that kills or threatens life is not mild.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aesev, aeslife, aesdth, aeout
FROM   ae
WHERE  upper(trim(aesev)) = 'MILD'
AND    (aeslife = 'Y' OR aesdth = 'Y' OR fatal_outcome(aeout))
