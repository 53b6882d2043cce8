/*
title:    Outcome and end date of an adverse event disagree
severity: major
action:   query
message:  Adverse event {aeterm}: outcome is {aeout}, but the end date is {aeendtc}. Please correct the outcome or the end date.
optional: ae.aeendat, ae.aeongo

Recovered, resolved, with or without sequelae, needs an end date, at least a partial one; an end date entered as not known is accepted.
Not recovered, recovering, unchanged or ongoing must have none. Fatal and unknown outcomes are not judged here. Where the study enters the
date of death as the end of events that had not resolved, switch the check off or say so in its own copy.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aestdtc, aeendat, aeendtc, aeongo, aeout
FROM   ae
WHERE  NOT blank(aeterm)
AND    ((regexp_matches(upper(trim(aeout)), '^(RECOVERED|RESOLVED)') AND blank(aeendtc) AND blank(aeendat))
        OR (regexp_matches(upper(trim(aeout)), '^(NOT |UN|ONGOING|RECOVERING|RESOLVING)')
            AND NOT regexp_matches(upper(trim(aeout)), '^(UNK|NOT (KNOWN|AVAILABLE|APPLICABLE|DONE))')
            AND NOT blank(aeendtc)))
