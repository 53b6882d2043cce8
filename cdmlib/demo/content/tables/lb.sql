/*
title:    Laboratory results
from:     edc.LB

One record per test and visit, as the local laboratories report them. The sites in the United States use conventional units; their
results are converted into the units of the other sites for comparison. A unit without an entry here is taken as it is.
*/
WITH conversion(test, unit, factor, standard_unit) AS (
    VALUES ('HGB', 'g/dL', 10, 'g/L'),          ('WBC', '10^3/uL', 1, '10^9/L'),     ('PLAT', '10^3/uL', 1, '10^9/L'),
           ('SODIUM', 'mEq/L', 1, 'mmol/L'),    ('K', 'mEq/L', 1, 'mmol/L'),         ('CREAT', 'mg/dL', 88.42, 'µmol/L'),
           ('UREA', 'mg/dL', 0.357, 'mmol/L'),  ('BILI', 'mg/dL', 17.1, 'µmol/L'),   ('GLUC', 'mg/dL', 0.0555, 'mmol/L'),
           ('ALB', 'g/dL', 10, 'g/L'),          ('CA', 'mg/dL', 0.2495, 'mmol/L')
)
SELECT 'LB|' || RecordId AS record_key, SiteNumber AS siteid, Subject AS subjid, InstanceName AS visit, DataPageName AS form,
       recordposition AS formrow, source, dataset, source_row,
       LBCAT AS lbcat, LBTESTCD AS lbtestcd, LBTEST AS lbtest,
       LBORRES_RAW AS lborres, num(LBORRES_RAW) AS lborresn, LBORRESU AS lborresu,
       round(num(LBORRES_RAW) * coalesce(factor, 1), 3) AS lbstresn, coalesce(standard_unit, LBORRESU) AS lbstresu,
       num(LBORNRLO_RAW) AS lbornrlo, num(LBORNRHI_RAW) AS lbornrhi,
       round(num(LBORNRLO_RAW) * coalesce(factor, 1), 3) AS lbstnrlo, round(num(LBORNRHI_RAW) * coalesce(factor, 1), 3) AS lbstnrhi,
       coalesce(LBCLSIG_STD, LBCLSIG) AS lbclsig, LBSTAT AS lbstat, LBREASND AS lbreasnd, coalesce(LBFAST_STD, LBFAST) AS lbfast,
       LBDAT_RAW AS lbdat, iso_date(LBDAT_RAW) AS lbdtc
FROM   edc.LB
LEFT JOIN conversion ON test = LBTESTCD AND unit = LBORRESU
WHERE  RecordActive = '1'
