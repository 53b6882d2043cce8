/*
title:    Terms of a dictionary in the WHODrug C3 layout

One row per drug name, whatever the forms, strengths, countries and holders it is listed with. Code and preferred name are as in B3. ATC
codes of the name's own products count, else those of the preferred name; several are all given, official ones first.
*/
WITH names AS (
    SELECT record_number || sequence_1 || sequence_2 AS code, any_value(record_number) AS record_number, any_value(sequence_1) AS sequence_1,
           any_value(sequence_2) AS sequence_2, min_by(drug_name, medicinal_product_id) AS term
    FROM   mp
    GROUP BY record_number || sequence_1 || sequence_2
),
given AS (
    SELECT DISTINCT m.record_number || m.sequence_1 || m.sequence_2 AS code, t.atc_code, a.text, t.official = 'Y' AS official
    FROM   thg AS t
    JOIN   mp AS m ON m.medicinal_product_id = t.medicinal_product_id
    JOIN   atc AS a ON a.atc_code = t.atc_code
),
classes AS (
    SELECT code, string_agg(atc_code, '; ' ORDER BY NOT official, atc_code) AS class_code, string_agg(text, '; ' ORDER BY NOT official, atc_code) AS class_term
    FROM   given
    GROUP BY code
),
substances AS (
    SELECT code, string_agg(substance_name, '; ' ORDER BY substance_name) AS ingredients
    FROM   (SELECT DISTINCT m.record_number || m.sequence_1 || m.sequence_2 AS code, s.substance_name
            FROM ing AS i JOIN mp AS m ON m.medicinal_product_id = i.medicinal_product_id JOIN sun AS s ON s.substance_id = i.substance_id)
    GROUP BY code
)
SELECT n.code, n.term, CASE WHEN n.sequence_1 = '01' AND n.sequence_2 = '001' THEN 'Preferred name' ELSE 'Drug name' END AS level, true AS is_current,
       p.code AS preferred_code, p.term AS preferred_term,
       CAST(NULL AS VARCHAR) AS hlt_code, CAST(NULL AS VARCHAR) AS hlt_term, CAST(NULL AS VARCHAR) AS hlgt_code, CAST(NULL AS VARCHAR) AS hlgt_term,
       coalesce(own.class_code, base.class_code) AS class_code, coalesce(own.class_term, base.class_term) AS class_term, s.ingredients
FROM   names AS n
LEFT JOIN names AS p ON p.code = n.record_number || '01001'
LEFT JOIN classes AS own ON own.code = n.code
LEFT JOIN classes AS base ON base.code = n.record_number || '01001'
LEFT JOIN substances AS s ON s.code = n.code
ORDER BY n.code, n.term
