/*
title:    Procedures
from:     extra.PR_EXTRA
*/
SELECT 'PR|' || record_id AS record_key, site AS siteid, subject AS subjid, visit, page AS form, line AS formrow,
       source, dataset, source_row, PRSPID AS prspid, PRTRT AS prtrt, PRINDC AS prindc,
       PRSTDAT AS prstdat, iso_date(PRSTDAT) AS prstdtc, PRENDAT AS prendat, iso_date(PRENDAT) AS prendtc
FROM   extra.PR_EXTRA
