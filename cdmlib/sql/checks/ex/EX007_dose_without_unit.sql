/*
title:    Study treatment dose without a unit
severity: major
action:   query
message:  Study treatment {extrt} from {exstdtc}: the dose is {exdose}, but the unit is missing. Please enter the unit.
field:    exdosu

A dose of 0 needs none. Where no dosing record has a unit it is not reported, as the unit is then printed on the page.
*/
SELECT record_key, siteid, subjid, visit, extrt, exstdtc, exdose, exdosu
FROM   ex
WHERE  exdose > 0
AND    blank(exdosu)
AND    EXISTS (SELECT 1 FROM ex AS o WHERE NOT blank(o.exdosu))
