/*
title:    Term not coded
owner:    coder
lines:    17
clean:    yes

Adverse events, history and medications whose term has no approved code.
*/
SELECT siteid, subjid, record_key, verbatim || ': ' || status AS what
FROM   coding
WHERE  status <> 'coded'
