/*
title:    Pages
optional: edc_pages, subjects

One row per page of the EDC, put together from its page status report and its listings of verification, signatures, missing pages, freezing
and locking, whichever a study gives. Pages of several listings are one when subject, visit, form and repeat agree; pages that one listing
has twice stay two.
- expected: what is expected by the cut-off date; a page that a listing names is expected unless the report says 0.
- entered: N when the report counts none or a listing of missing pages names it.
- verified, signed, frozen, locked: what the report says, else the words of the listing (`Verified`, also misspelt; `Freeze`, `UnFreeze`; `Yes -
  Never Signed`, `Yes - Broken Signature`). A broken signature is no signature.
*/
WITH listed AS (
    SELECT p.*, row_number() OVER (PARTITION BY source, dataset, subjid, visit, form, formrow ORDER BY source_row, record_key) AS nth,
           upper(regexp_replace(coalesce(verification, ''), '[^A-Za-z]', '', 'g')) AS said_verified,
           upper(regexp_replace(coalesce(signature, ''), '[^A-Za-z]', '', 'g')) AS said_signed,
           upper(regexp_replace(coalesce(freeze_status, ''), '[^A-Za-z]', '', 'g')) AS said_frozen,
           upper(regexp_replace(coalesce(lock_status, ''), '[^A-Za-z]', '', 'g')) AS said_locked
    FROM   edc_pages AS p
),
told AS (
    SELECT *,
           CASE WHEN missing_days IS NOT NULL THEN 'Y' WHEN expected = 0 THEN 'N' ELSE 'Y' END AS is_expected,
           CASE WHEN missing_days IS NOT NULL OR entered = 0 THEN 'N' ELSE 'Y' END AS is_entered,
           coalesce(verify_required, CASE WHEN said_verified <> '' THEN 'Y' END) AS must_verify,
           coalesce(verified, CASE WHEN said_verified LIKE 'VERIF%' THEN 'Y' WHEN said_verified <> '' THEN 'N' END) AS is_verified,
           coalesce(CASE WHEN said_signed LIKE 'NO%' THEN 'N' WHEN said_signed <> '' THEN 'Y' END, sign_required) AS must_sign,
           CASE WHEN said_signed LIKE '%BROKEN%' OR said_signed LIKE '%NEVER%' THEN 'N' ELSE coalesce(signed, CASE WHEN said_signed LIKE '%SIGNED%' THEN 'Y' END) END AS is_signed,
           CASE WHEN said_signed LIKE '%BROKEN%' THEN 'Y' WHEN said_signed <> '' THEN 'N' END AS is_broken,
           coalesce(frozen, CASE WHEN said_frozen LIKE 'UN%' THEN 'N' WHEN said_frozen LIKE 'FR%' THEN 'Y' END) AS is_frozen,
           coalesce(locked, CASE WHEN said_locked LIKE 'UN%' THEN 'N' WHEN said_locked LIKE 'LOCK%' THEN 'Y' END) AS is_locked
    FROM   listed
)
SELECT concat_ws('|', subjid, coalesce(visit, ''), coalesce(form, ''), coalesce(formrow, ''), CASE WHEN nth > 1 THEN CAST(nth AS VARCHAR) END) AS record_key,
       min(coalesce(s.siteid, t.siteid)) AS siteid, subjid, visit, form, formrow, min_by(t.source, t.record_key) AS source, min_by(t.dataset, t.record_key) AS dataset,
       min_by(t.source_row, t.record_key) AS source_row,
       min(is_expected) AS expected, min(is_entered) AS entered, max(incomplete) AS incomplete, max(must_verify) AS verify_required, max(is_verified) AS verified,
       max(must_sign) AS sign_required, min(is_signed) AS signed, max(is_broken) AS signature_broken, min(is_frozen) AS frozen, min(is_locked) AS locked,
       max(open_queries) AS open_queries, max(answered_queries) AS answered_queries, max(visitdtc) AS visitdtc, min(entereddtc) AS entereddtc,
       max(signeddtc) AS signeddtc, iso_days(max(visitdtc), min(entereddtc)) AS entry_days, max(missing_days) AS missing_days
FROM   told AS t
LEFT JOIN (SELECT subjid, min(siteid) AS siteid FROM subjects GROUP BY subjid) AS s USING (subjid)
GROUP BY subjid, visit, form, formrow, nth
