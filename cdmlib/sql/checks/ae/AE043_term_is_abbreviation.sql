/*
title:    Adverse event term is an abbreviation
severity: minor
action:   query
message:  Adverse event {aeterm}, started {aestdtc}: the term is an abbreviation, which may be read in more than one way. Please enter the
          full term.
field:    aeterm
optional: ae.aespid

Reported when the whole term is one of the abbreviations below, or two letters or fewer. An abbreviation within a longer term is not
reported. An event repeated at several visits under its own number is reported once.
*/
SELECT record_key, siteid, subjid, visit, aespid, aeterm, aestdtc
FROM   ae
WHERE  NOT no_term(aeterm)
AND    (length(trim(aeterm)) <= 2
        OR regexp_replace(upper(aeterm), '[^A-Z]', '', 'g') IN (
               'URI', 'URTI', 'LRTI', 'UTI', 'SOB', 'DOE', 'HTN', 'CHF', 'CAD', 'CVA', 'TIA', 'DVT', 'COPD', 'GERD', 'GORD', 'IBS', 'IBD',
               'PUD', 'BPH', 'CKD', 'ARF', 'AKI', 'AFIB', 'SVT', 'PVC',
               'PVCS', 'VTACH', 'NSTEMI', 'STEMI', 'ACS', 'LBP', 'OA', 'RA', 'MS', 'DM', 'NIDDM', 'IDDM', 'LOC', 'LOA', 'LOW', 'ED', 'MVA',
               'RTA', 'ICH', 'SAH', 'SBO', 'GIB', 'HFS', 'PPE', 'PNA',
               'TB', 'STD', 'HSV', 'VZV', 'CMV', 'PONV', 'RUQ', 'LLQ', 'FUO', 'ILI', 'AMS', 'RLS', 'OSA', 'PTSD', 'GAD', 'MDD', 'SI', 'CRS',
               'TLS', 'DKA', 'ARDS', 'PCP', 'MI', 'PE', 'AF', 'VT', 'VF'))
QUALIFY row_number() OVER (PARTITION BY subjid, upper(trim(aeterm)), event_key(record_key, aespid) ORDER BY record_key) = 1
