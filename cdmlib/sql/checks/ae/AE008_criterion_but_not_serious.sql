/*
title:    Seriousness criterion met but event not serious
severity: critical
action:   query
message:  Adverse event {aeterm}: serious is {aeser}, but this criterion of seriousness is answered yes: {criteria}. Please correct one of the
          answers.
field:    aeser, aesdth, aeslife, aeshosp, aesdisab, aescong, aesmie
optional: ae.aesdth, ae.aeslife, ae.aesdisab, ae.aescong, ae.aesmie

Runs where at least hospitalisation is asked.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aeser,
       concat_ws(', ', CASE WHEN aesdth = 'Y' THEN 'results in death' END, CASE WHEN aeslife = 'Y' THEN 'life threatening' END,
                 CASE WHEN aeshosp = 'Y' THEN 'hospitalisation' END, CASE WHEN aesdisab = 'Y' THEN 'disability' END,
                 CASE WHEN aescong = 'Y' THEN 'congenital anomaly' END, CASE WHEN aesmie = 'Y' THEN 'medically important' END) AS criteria
FROM   ae
WHERE  aeser IS DISTINCT FROM 'Y'
AND    'Y' IN (coalesce(aesdth, ''), coalesce(aeslife, ''), coalesce(aeshosp, ''), coalesce(aesdisab, ''), coalesce(aescong, ''), coalesce(aesmie, ''))
