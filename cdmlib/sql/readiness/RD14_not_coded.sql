/*
title:    Term not coded
owner:    coder
lines:    17
clean:    yes

Reported terms of adverse events, history and medications that have no code: neither the machine nor a coder has given one.
*/
SELECT siteid, subjid, record_key, verbatim || ': ' || status AS what
FROM   coding
WHERE  status NOT IN ('autocoded', 'decided', 'approved')
