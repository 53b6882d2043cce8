/*
title:    Route of a medication does not suit its unit
severity: minor
action:   query
message:  Medication {cmtrt}: the dose is {dose} {cmdosu}, but the route is {cmroute}. Please correct the unit or the route.
field:    cmroute, cmdosu
optional: cm.cmspid, cm.cmdstxt, cm.cmdose

Tablets and capsules by injection, infusion, on the skin, into eye, ear or nose, or inhaled. A capsule for inhalation is accepted. A
medication repeated at several visits under its own number is reported once.
*/
SELECT record_key, siteid, subjid, visit, cmspid, cmtrt, coalesce(nullif(trim(cmdstxt), ''), CAST(cmdose AS VARCHAR)) AS dose, cmdosu, cmroute
FROM   cm
WHERE  regexp_matches(upper(cmdosu), '^(TAB|CAP|PILL)')
AND    regexp_matches(upper(cmroute), 'INTRAVEN|INTRAMUSC|SUBCUTAN|INTRADERM|INTRATHEC|INFUSION|INJECTION|^(IV|IM|SC)\b|TOPICAL|'
                                   || 'TRANSDERM|CUTANEOUS|OPHTHALM|OTIC|AURICULAR|NASAL|INHAL|RESPIRAT')
AND    NOT (regexp_matches(upper(cmdosu), '^CAP') AND regexp_matches(upper(cmroute), 'INHAL|RESPIRAT'))
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(cmtrt)), event_key(record_key, cmspid) ORDER BY record_key) = 1
