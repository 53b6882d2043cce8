/*
title:    Terms of a dictionary in the WHODrug B3 layout

One row per drug name. Its code is the record number with both sequence numbers; the preferred name is that of sequences 01 and 001
of the same record. ATC codes of the name itself count, else those of the preferred name; several are all given, official ones first.
*/
WITH classes AS (
    SELECT a.record_number || a.sequence_1 || a.sequence_2 AS code,
           string_agg(a.atc_code, '; ' ORDER BY a.official = '' , a.atc_code) AS class_code, string_agg(i.text, '; ' ORDER BY a.official = '', a.atc_code) AS class_term
    FROM   dda AS a
    JOIN   ina AS i ON i.atc_code = a.atc_code
    GROUP BY a.record_number, a.sequence_1, a.sequence_2
)
SELECT d.record_number || d.sequence_1 || d.sequence_2 AS code, d.drug_name AS term,
       CASE WHEN d.sequence_1 = '01' AND d.sequence_2 = '001' THEN 'Preferred name' ELSE 'Drug name' END AS level, true AS is_current,
       p.record_number || '01001' AS preferred_code, p.drug_name AS preferred_term,
       CAST(NULL AS VARCHAR) AS hlt_code, CAST(NULL AS VARCHAR) AS hlt_term, CAST(NULL AS VARCHAR) AS hlgt_code, CAST(NULL AS VARCHAR) AS hlgt_term,
       coalesce(own.class_code, base.class_code) AS class_code, coalesce(own.class_term, base.class_term) AS class_term,
       CAST(NULL AS VARCHAR) AS ingredients
FROM   dd AS d
LEFT JOIN dd AS p ON p.record_number = d.record_number AND p.sequence_1 = '01' AND p.sequence_2 = '001'
LEFT JOIN classes AS own ON own.code = d.record_number || d.sequence_1 || d.sequence_2
LEFT JOIN classes AS base ON base.code = d.record_number || '01001'
ORDER BY code, term
