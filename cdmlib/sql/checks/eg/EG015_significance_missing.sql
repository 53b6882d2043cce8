/*
title:    Abnormal electrocardiogram is not assessed
severity: minor
action:   query
message:  Electrocardiogram {visit}, {egdtc}: the interpretation is {egorres}, but whether it is clinically significant is not answered. Please answer whether it is clinically significant.
field:    egclsig
optional: eg.egstat

Interpretations (test codes INTP, INTERP and EGINTP) that begin with abnormal and do not say significant themselves.
*/
SELECT record_key, siteid, subjid, visit, egdtc, egtestcd, egorres, egclsig, egstat
FROM   eg
WHERE  upper(trim(egtestcd)) IN ('INTP', 'INTERP', 'EGINTP')
AND    upper(trim(egorres)) LIKE 'ABNORMAL%'
AND    upper(egorres) NOT LIKE '%SIGNIF%'
AND    upper(trim(egorres)) NOT IN ('ABNORMAL CS', 'ABNORMAL NCS', 'ABNORMAL, CS', 'ABNORMAL, NCS')
AND    blank(egclsig)
