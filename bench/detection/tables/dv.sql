/*
title:    Protocol deviations
from:     extra.DV_EXTRA
*/
SELECT 'DV|' || record_id AS record_key, site AS siteid, subject AS subjid, visit, page AS form, line AS formrow,
       source, dataset, source_row, DVSPID AS dvspid, DVCAT AS dvcat, DVTERM AS dvterm, DVSTDAT AS dvstdat, iso_date(DVSTDAT) AS dvstdtc
FROM   extra.DV_EXTRA
