/*
title:    Outcome and end date of an adverse event disagree
severity: major
action:   query
message:  Adverse event {aeterm}: outcome is {aeout}, but the end date is {aeendtc}. Please correct the outcome or the end date.
optional: ae.aespid, ae.aeendat, ae.aeongo

Recovered or resolved, with or without sequelae, needs an end date, at least a partial one; an end date entered as not known is accepted.
Not recovered, recovering, unchanged or ongoing must have none. Fatal and unknown outcomes are not judged here.
Where an event is repeated at several visits under its own number, an earlier report need not have what a later one has.
Where the study enters the date of death as the end of events that had not resolved, switch the check off.
*/
WITH events AS (
    SELECT record_key, siteid, subjid, visit, aespid, aeterm, aestdtc, aeendat, aeendtc, aeongo, aeout,
           upper(trim(aeterm)) AS term, event_key(record_key, aespid) AS event_key,
           CASE WHEN NOT blank(aeendtc) OR NOT blank(aeendat) THEN 1 ELSE 0 END AS ended,
           CASE WHEN regexp_matches(upper(trim(aeout)), '^(RECOVERED|RESOLVED)') THEN 1 ELSE 0 END AS recovered,
           CASE WHEN regexp_matches(upper(trim(aeout)), '^(NOT (RECOVERED|RESOLVED|YET)|UNRESOLVED|UNCHANGED|ONGOING|RECOVERING|RESOLVING)') THEN 1 ELSE 0 END AS unresolved
    FROM   ae
    WHERE  NOT blank(aeterm)
),
compared AS (
    SELECT record_key, siteid, subjid, visit, aespid, aeterm, aestdtc, aeendat, aeendtc, aeongo, aeout, recovered, unresolved,
           max(ended) OVER (PARTITION BY subjid, term, event_key) AS ever_ended,
           max(recovered) OVER (PARTITION BY subjid, term, event_key) AS ever_recovered
    FROM   events
)
SELECT record_key, siteid, subjid, visit, aespid, aeterm, aestdtc, aeendat, aeendtc, aeongo, aeout
FROM   compared
WHERE  (recovered = 1 AND ever_ended = 0)
OR     (unresolved = 1 AND ever_recovered = 0 AND NOT blank(aeendtc))
