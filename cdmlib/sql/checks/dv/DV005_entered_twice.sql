/*
title:    Deviation entered twice
severity: minor
action:   query
message:  Protocol deviation {dvterm} of {dvstdtc}: the same deviation is there already. Please keep one of them and remove the other.
field:    dvterm, dvstdtc
optional: dv.dvdecod

The same text, code and date for one subject, without regard to case and spaces at the ends. Every record after the first is reported. Undated ones are not compared.
*/
SELECT record_key, siteid, subjid, visit, dvterm, dvdecod, dvstdtc
FROM   dv
WHERE  NOT blank(dvterm)
AND    NOT blank(dvstdtc)
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(dvterm)), upper(coalesce(trim(dvdecod), '')), dvstdtc ORDER BY record_key) > 1
