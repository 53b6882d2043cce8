/*
title:    Terms of a dictionary in the MedDRA ASCII layout

One row per lowest level term, with its preferred term and the path to the preferred term's primary system organ class.
*/
SELECT l.llt_code AS code, l.llt_name AS term, 'LLT' AS level, l.llt_currency = 'Y' AS is_current,
       p.pt_code AS preferred_code, p.pt_name AS preferred_term, h.hlt_code, h.hlt_name AS hlt_term, h.hlgt_code, h.hlgt_name AS hlgt_term,
       h.soc_code AS class_code, h.soc_name AS class_term, CAST(NULL AS VARCHAR) AS ingredients
FROM   llt AS l
JOIN   pt AS p ON p.pt_code = l.pt_code
JOIN   mdhier AS h ON h.pt_code = p.pt_code AND h.primary_soc_fg = 'Y'
ORDER BY l.llt_code
