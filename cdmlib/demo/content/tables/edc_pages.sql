/*
title:    Pages of the EDC
from:     status.PAGE_STATUS, status.SIGNATURES

The page status report, a row per page, and the listing of the investigator's signatures, which also says which are broken. The site in words of
the report is left out; the number comes from demographics.
*/
SELECT concat_ws('|', 'P', subjectnameoridentifier, folderinstancename, architectformname) AS record_key, CAST(NULL AS VARCHAR) AS siteid,
       subjectnameoridentifier AS subjid, folderinstancename AS visit, ecrfpagename AS form, CAST(NULL AS VARCHAR) AS formrow, source, dataset, source_row,
       num(pagesexpected_todate) AS expected, num(pagesentered) AS entered, yes_no(is_partial_entry) AS incomplete,
       num(open_query_ct) AS open_queries, num(answer_query_ct) AS answered_queries,
       yes_no(needs_verification) AS verify_required, yes_no(is_verified) AS verified, yes_no(needs_signature) AS sign_required,
       yes_no(is_signed) AS signed, CAST(NULL AS VARCHAR) AS signature, yes_no(is_frozen) AS frozen, yes_no(is_locked) AS locked,
       visitdate AS visitdat, iso_date(visitdate) AS visitdtc, minentereddate AS entereddat, iso_date(minentereddate) AS entereddtc,
       CAST(NULL AS VARCHAR) AS signeddat, CAST(NULL AS VARCHAR) AS signeddtc
FROM   status.PAGE_STATUS
UNION ALL
SELECT concat_ws('|', 'S', "Subject Name", "Visit Name", "Data Page Name"), "Site ID", "Subject Name", "Visit Name", "Data Page Name", NULL,
       source, dataset, source_row, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "Page Require Signature", NULL, NULL, NULL, NULL, NULL, NULL,
       CASE WHEN "Page Require Signature" <> 'Yes - Never Signed' THEN "Date page entered/ Date last PI Sign" END,
       CASE WHEN "Page Require Signature" <> 'Yes - Never Signed' THEN iso_date("Date page entered/ Date last PI Sign") END
FROM   status.SIGNATURES
