/*
title:    Coded term not current in the dictionary
severity: minor
action:   internal
message:  {verbatim}: {because} (version {version} of the dictionary). Choose a current term.

The reported term, a synonym or an earlier decision leads to a dictionary term that is no longer current or no longer there.
*/
SELECT record_key, siteid, subjid, visit, form, formrow, verbatim, because, version
FROM   coding
WHERE  flag IN ('not current', 'not in version')
