/*
title:    Same procedure entered twice
severity: minor
action:   query
message:  Procedure {prtrt} on {prstdtc}: the same procedure is entered a second time for that date. Please remove one of the records, or
          correct the date.
field:    prtrt, prstdtc
optional: pr.prindc, pr.praeno, pr.prspid

The same name and date, with a time when there is one, and indication and event that do not differ. Of a pair the second record is reported.
Two procedures on one day (both eyes) have to be confirmed; records without a date are not compared. A procedure repeated at several visits
under its own number is one.
*/
WITH procedures AS (
    SELECT min(record_key) AS record_key, min(siteid) AS siteid, subjid, min(prtrt) AS prtrt, upper(trim(prtrt)) AS name, prstdtc, min(prspid) AS prspid,
           min(upper(trim(prindc))) AS indication, min(trim(praeno)) AS praeno
    FROM   pr
    WHERE  NOT blank(prtrt)
    AND    NOT blank(prstdtc)
    GROUP BY subjid, upper(trim(prtrt)), prstdtc, event_key(record_key, prspid)
)
SELECT later.record_key, later.siteid, later.subjid, later.prspid, later.prtrt, later.prstdtc, earlier.record_key AS other_record_key
FROM   procedures AS later
JOIN   procedures AS earlier
ON     earlier.subjid = later.subjid AND earlier.name = later.name AND earlier.prstdtc = later.prstdtc AND earlier.record_key < later.record_key
AND    coalesce(earlier.indication, later.indication, '') = coalesce(later.indication, earlier.indication, '')
AND    coalesce(earlier.praeno, later.praeno, '') = coalesce(later.praeno, earlier.praeno, '')
QUALIFY row_number() OVER (PARTITION BY later.record_key ORDER BY earlier.record_key) = 1
