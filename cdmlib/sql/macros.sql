/*
Macros for study tables and checks. Dates are ISO 8601 text, as long as they are known: 2024-03-02, 2024-03, 2024.
A macro that can't read its text gives NULL; the collected text stays beside it, and check IT001 or IT003 reports it.
*/

-- ── collected date text to ISO ──────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE MACRO month_number(m) AS
    CASE upper(left(m, 3))
        WHEN 'JAN' THEN '01' WHEN 'FEB' THEN '02' WHEN 'MAR' THEN '03' WHEN 'APR' THEN '04' WHEN 'MAY' THEN '05' WHEN 'JUN' THEN '06'
        WHEN 'JUL' THEN '07' WHEN 'AUG' THEN '08' WHEN 'SEP' THEN '09' WHEN 'OCT' THEN '10' WHEN 'NOV' THEN '11' WHEN 'DEC' THEN '12'
    END;

-- Year, month and day as text; an unknown part (empty, UN, UNK, NK, XX, ?) ends the date. A day that the calendar lacks gives NULL.
CREATE OR REPLACE MACRO iso_parts(y, m, d) AS
    CASE
        WHEN NOT regexp_full_match(coalesce(y, ''), '(1[89]|20|21)\d\d') THEN NULL
        WHEN NOT regexp_full_match(coalesce(m, ''), '\d\d?') THEN y
        WHEN CAST(m AS INTEGER) NOT BETWEEN 1 AND 12 THEN NULL
        WHEN NOT regexp_full_match(coalesce(d, ''), '\d\d?') THEN y || '-' || lpad(m, 2, '0')
        WHEN TRY_CAST(y || '-' || lpad(m, 2, '0') || '-' || lpad(d, 2, '0') AS DATE) IS NOT NULL
            THEN y || '-' || lpad(m, 2, '0') || '-' || lpad(d, 2, '0')
    END;

-- A clock time as hh:mm[:ss] with T before it; nothing for an empty or an impossible one (24:00).
CREATE OR REPLACE MACRO iso_time(t) AS
    CASE WHEN regexp_full_match(coalesce(t, ''), '([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?(\.\d+)?')
         THEN 'T' || lpad(split_part(t, ':', 1), 2, '0') || ':' || split_part(t, ':', 2)
              || CASE WHEN split_part(t, ':', 3) <> '' THEN ':' || left(split_part(t, ':', 3), 2) ELSE '' END
         ELSE '' END;

-- A date with its clock time; a time beside a date that is not known to the day says nothing and is left out.
CREATE OR REPLACE MACRO iso_stamp(d, t) AS CASE WHEN length(d) = 10 THEN d || iso_time(t) ELSE d END;

-- Dates that can be read one way only, month in letters or year first: 16-JAN-2014, 16 Jan 2014, 16JAN2014:09:30, UN-JAN-2014, UN UNK 2014,
-- JAN 2014, 2014, 2014-01-16, 2014/1/16, 20140116, 2014-01-16T09:30, 2014-01, 2014-01-UN, 2014-UN-UN.
CREATE OR REPLACE MACRO iso_date(t) AS
    CASE
        WHEN regexp_full_match(trim(t), '\d{4}') THEN iso_parts(trim(t), NULL, NULL)
        WHEN regexp_full_match(upper(trim(t)), '\d{4}[-/.]\d\d?([-/.](\d\d?|UN|UNK|NK|XX|\?\?))?([T ].*)?')
            THEN iso_stamp(iso_parts(left(trim(t), 4), regexp_extract(trim(t), '^\d{4}[-/.](\d\d?)', 1),
                                     regexp_extract(trim(t), '^\d{4}[-/.]\d\d?[-/.](\d\d?)', 1)),
                           regexp_extract(trim(t), '[T ](.*)$', 1))
        WHEN regexp_full_match(upper(trim(t)), '\d{4}[-/.](UN|UNK|NK|XX|\?\?)([-/.](\d\d?|UN|UNK|NK|XX|\?\?))?') THEN iso_parts(left(trim(t), 4), NULL, NULL)
        WHEN regexp_full_match(trim(t), '\d{8}([T ].*)?')
            THEN iso_stamp(iso_parts(left(trim(t), 4), substr(trim(t), 5, 2), substr(trim(t), 7, 2)), regexp_extract(trim(t), '[T ](.*)$', 1))
        WHEN regexp_full_match(upper(trim(t)), '(\d\d?|UN|UNK|NK|XX|\?\?)[-/ .]?(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]*[-/ .,]*\d{4}([T :].*)?')
            THEN iso_stamp(iso_parts(regexp_extract(trim(t), '[A-Za-z][-/ .,]*(\d{4})', 1),
                                     month_number(regexp_extract(upper(trim(t)), '(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)', 1)),
                                     regexp_extract(trim(t), '^(\d\d?)', 1)),
                           trim(regexp_extract(trim(t), '\d{4}[T :](.*)$', 1)))
        WHEN regexp_full_match(upper(trim(t)), '(JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)[A-Z]*[-/ .,]*\d{4}')
            THEN iso_parts(right(trim(t), 4), month_number(trim(t)), NULL)
        WHEN regexp_full_match(upper(trim(t)), '(\d\d?|UN|UNK|NK|XX|\?\?)?[-/ .]*(UN|UNK|NK|XX|XXX|\?\?|\?\?\?)[-/ .]*\d{4}') THEN iso_parts(right(trim(t), 4), NULL, NULL)
    END;

-- Dates in figures only, when the transfer specification says which figure is the day.
CREATE OR REPLACE MACRO iso_date_dmy(t) AS
    CASE WHEN regexp_full_match(upper(trim(t)), '(\d\d?|UN|UNK|NK|XX|\?\?)[-/. ](\d\d?|UN|UNK|NK|XX|\?\?)[-/. ]\d{4}([T ].*)?')
         THEN iso_stamp(iso_parts(regexp_extract(trim(t), '(\d{4})', 1), regexp_extract(trim(t), '^[^-/. ]+[-/. ](\d\d?)[-/. ]', 1),
                                  regexp_extract(trim(t), '^(\d\d?)', 1)),
                        trim(regexp_extract(trim(t), '\d{4}[T ](.*)$', 1)))
         ELSE iso_date(t) END;

CREATE OR REPLACE MACRO iso_date_mdy(t) AS
    CASE WHEN regexp_full_match(upper(trim(t)), '(\d\d?|UN|UNK|NK|XX|\?\?)[-/. ](\d\d?|UN|UNK|NK|XX|\?\?)[-/. ]\d{4}([T ].*)?')
         THEN iso_stamp(iso_parts(regexp_extract(trim(t), '(\d{4})', 1), regexp_extract(trim(t), '^(\d\d?)[-/. ]', 1),
                                  regexp_extract(trim(t), '^[^-/. ]+[-/. ](\d\d?)[-/. ]', 1)),
                        trim(regexp_extract(trim(t), '\d{4}[T ](.*)$', 1)))
         ELSE iso_date(t) END;

-- ── comparing ISO dates ─────────────────────────────────────────────────────────────────────────────────────────

-- a is later than b, compared only as far as both are known: 2024-03 is not after 2024-03-02. NULL when one is missing.
CREATE OR REPLACE MACRO iso_after(a, b) AS
    left(nullif(a, ''), least(length(a), length(b))) > left(nullif(b, ''), least(length(a), length(b)));

CREATE OR REPLACE MACRO iso_before(a, b) AS iso_after(b, a);

-- All of year, month and day are known.
CREATE OR REPLACE MACRO iso_full(a) AS length(a) >= 10;

-- Whole days from a to b; NULL unless both are full dates of the calendar.
CREATE OR REPLACE MACRO iso_days(a, b) AS
    CASE WHEN length(a) >= 10 AND length(b) >= 10 THEN date_diff('day', TRY_CAST(left(a, 10) AS DATE), TRY_CAST(left(b, 10) AS DATE)) END;

-- The date n days after a; NULL unless a is a full date of the calendar.
CREATE OR REPLACE MACRO iso_plus(a, n) AS
    CASE WHEN length(a) >= 10 THEN strftime(TRY_CAST(left(a, 10) AS DATE) + CAST(n AS INTEGER), '%Y-%m-%d') END;

-- The earliest date of a group, to the day (an aggregate): a partial date wins only when it is earlier for certain.
-- 2024 and 2024-03-02 give 2024-03-02; 2023-12 and 2024-01-15 give 2023-12. The latest is max(): 2024-03-02, and 2024-01-15.
CREATE OR REPLACE MACRO iso_earliest(d) AS min_by(left(d, 10), nullif(d, '') || '~');

-- Study day: day 1 is the reference date, and there is no day 0.
CREATE OR REPLACE MACRO study_day(a, reference) AS
    CASE WHEN iso_days(reference, a) >= 0 THEN iso_days(reference, a) + 1 ELSE iso_days(reference, a) END;

-- The date of a planned study day: day 1 is the first dose, there is no day 0, and day -7 is seven days before it.
CREATE OR REPLACE MACRO planned_date(first_dose, day) AS iso_plus(first_dose, CASE WHEN day > 0 THEN day - 1 ELSE day END);

-- ── text to numbers and codes ───────────────────────────────────────────────────────────────────────────────────

-- A plain decimal number; '<0.5', '1,5' and 'ND' give NULL.
CREATE OR REPLACE MACRO num(t) AS
    CASE WHEN regexp_full_match(trim(t), '[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?') THEN TRY_CAST(trim(t) AS DOUBLE) END;

-- A number as a person writes it: 63 rather than 63.0.
CREATE OR REPLACE MACRO number_text(x) AS CASE WHEN x = trunc(x) AND abs(x) < 1e15 THEN CAST(CAST(x AS BIGINT) AS VARCHAR) ELSE CAST(x AS VARCHAR) END;

-- Yes and no however coded, as Y and N; any other text stays as it is.
CREATE OR REPLACE MACRO yes_no(t) AS
    CASE WHEN upper(trim(t)) IN ('Y', 'YES', 'TRUE', '1') THEN 'Y' WHEN upper(trim(t)) IN ('N', 'NO', 'FALSE', '0') THEN 'N' ELSE nullif(trim(t), '') END;

-- Ongoing in its CDASH and SDTM spellings (Y, ONGOING, AFTER) as Y and N.
CREATE OR REPLACE MACRO ongoing(t) AS
    CASE WHEN upper(trim(t)) IN ('Y', 'YES', '1', 'ONGOING', 'AFTER', 'CONTINUING') THEN 'Y'
         WHEN upper(trim(t)) IN ('N', 'NO', '0', 'BEFORE', 'DURING', 'DURING/AFTER', 'U', 'ENDED') THEN 'N' ELSE nullif(trim(t), '') END;

-- Severity in words; 1, 2 and 3 are read as mild, moderate and severe.
CREATE OR REPLACE MACRO severity_word(t) AS
    CASE upper(trim(t)) WHEN '1' THEN 'MILD' WHEN '2' THEN 'MODERATE' WHEN '3' THEN 'SEVERE' ELSE nullif(upper(trim(t)), '') END;

CREATE OR REPLACE MACRO sex_code(t) AS
    CASE upper(trim(t)) WHEN 'MALE' THEN 'M' WHEN 'FEMALE' THEN 'F' ELSE nullif(upper(trim(t)), '') END;

-- Nothing is entered: NULL, empty or only spaces.
CREATE OR REPLACE MACRO blank(t) AS coalesce(trim(t), '') = '';

-- The answer is that it is not known or not done (UNK, UN UNK UNKN, UN/UN/UNKN, NK, ND, ??): an answer, not a mistake.
CREATE OR REPLACE MACRO unknown_text(t) AS
    regexp_full_match(upper(trim(t)), '((UNKNOWN|UNKN|UNK|UN|NK|NI|ND|NA|N/A|X+|\?+|NOT KNOWN|NOT DONE|NOT APPLICABLE|NOT AVAILABLE)[-/. ]*)+');

-- The value is one of a list written A|B|C, without regard to case and spaces at the ends; yes and no count however coded.
CREATE OR REPLACE MACRO in_list(t, list) AS
    strpos(t, '|') = 0
    AND (strpos('|' || upper(list) || '|', '|' || upper(trim(t)) || '|') > 0 OR strpos('|' || upper(list) || '|', '|' || upper(yes_no(t)) || '|') > 0);

-- A list written A|B|C as a reader wants it: A, B, C, and of a long one its beginning.
CREATE OR REPLACE MACRO list_words(list) AS
    CASE WHEN length(list) > 160 THEN replace(regexp_extract(left(list, 160), '^(.*)\|', 1), '|', ', ') || ' …' ELSE replace(list, '|', ', ') END;

-- Something was due on a day and has had `days` more: overdue from the day after. Due on 2024-06-10 with 5 days more: not on 2024-06-15, but on 2024-06-16.
CREATE OR REPLACE MACRO overdue(due, days, as_of) AS iso_days(due, as_of) > days;

-- A disposition record that is a milestone (informed consent obtained, randomised, enrolled, a final visit), going by its term.
CREATE OR REPLACE MACRO milestone_term(term) AS
    regexp_matches(upper(trim(term)), '^INFORMED (CONSENT|ASSENT)|^(CONSENT|ASSENT) (OBTAINED|SIGNED|GIVEN)|^RANDOMI[SZ]|^ENROL|^ELIGIBILITY|^ENTERED INTO|^FINAL .*VISIT$')
    AND NOT regexp_matches(upper(trim(term)), 'WITHDR|WITHDREW|NOT ');

-- A disposition record that says how the subject left the study: no milestone, no other event, not the end of a treatment alone.
CREATE OR REPLACE MACRO study_disposition(category, subcategory, term) AS
    NOT blank(term)
    AND NOT milestone_term(term)
    AND NOT regexp_matches(upper(concat_ws(' ', category, subcategory)), 'MILESTONE|OTHER EVENT|TREATMENT|STUDY DRUG|STUDY MEDICATION');

-- What a disposition says, by its term in the code list or else in words: no part in the study (screening failure), an own wish, death, contact lost.
CREATE OR REPLACE MACRO screen_failure_term(term) AS regexp_matches(upper(trim(term)), '^SCREEN(ING)?[ -]*FAIL');
CREATE OR REPLACE MACRO death_term(term) AS regexp_matches(upper(trim(term)), '^(DEATH|DIED)');
CREATE OR REPLACE MACRO completed_term(term) AS regexp_matches(upper(trim(term)), '^(STUDY |PROTOCOL )?COMPLET(ED|ION)');
CREATE OR REPLACE MACRO lost_term(term) AS regexp_matches(upper(trim(term)), '^LOST TO FOLLOW');
CREATE OR REPLACE MACRO consent_withdrawn_term(term) AS
    regexp_matches(upper(trim(term)), 'WITHDR(A|E)W.*CONSENT|CONSENT.*WITHDR|WITHDRAWAL BY SUBJECT|WITHDRAWAL OF CONSENT');

-- What a form is called in a text for the site, when the extract does not name it.
CREATE OR REPLACE MACRO form_name(domain) AS
    CASE lower(domain)
        WHEN 'ae' THEN 'Adverse events' WHEN 'cm' THEN 'Concomitant medications' WHEN 'dm' THEN 'Demographics' WHEN 'ds' THEN 'Disposition'
        WHEN 'dv' THEN 'Protocol deviations' WHEN 'eg' THEN 'Electrocardiogram' WHEN 'ex' THEN 'Study treatment' WHEN 'ie' THEN 'Eligibility'
        WHEN 'lb' THEN 'Laboratory' WHEN 'mh' THEN 'Medical history' WHEN 'pr' THEN 'Procedures' WHEN 'qs' THEN 'Questionnaires'
        WHEN 'pc' THEN 'Drug concentration samples' WHEN 'sv' THEN 'Visit date' WHEN 'vs' THEN 'Vital signs' ELSE upper(domain)
    END;

-- A review settles a finding: somebody decided, and no value has changed since.
CREATE OR REPLACE MACRO settled(review_status, outdated) AS
    coalesce(review_status IN ('Confirmed correct', 'Not an issue', 'Resolved', 'Waived', 'Accepted discrepancy'), false) AND NOT coalesce(outdated, false);

-- ── EDC queries ─────────────────────────────────────────────────────────────────────────────────────────────────

-- The status of a query in any system's words as open (the site must act), answered (we must act), closed or cancelled.
-- NULL for a word that is not known, and for one that speaks of no query (REDCap VERIFIED and DEVERIFIED mark data as verified).
CREATE OR REPLACE MACRO query_status(t) AS
    CASE
        WHEN upper(trim(t)) IN (
            'OPEN', 'OPENED', 'REOPENED', 'RE-OPENED', -- Rave, Veeva, InForm, REDCap, Castor
            'FORWARDED', 'REQUERIED',                  -- Rave: sent on to another group, asked again
            'REISSUED',                                -- InForm: asked again
            'QUERY RAISED', 'RAISED',                  -- Viedoc
            'NEW', 'UPDATED'                           -- OpenClinica: nobody has proposed a solution yet
        ) THEN 'open'
        WHEN upper(trim(t)) IN (
            'ANSWERED', 'RESPONDED',                   -- Rave, Veeva, InForm, OpenClinica
            'QUERY RESOLVED', 'RESOLVED',              -- Viedoc: the site has answered, nobody has approved it yet
            'RESOLUTION PROPOSED',                     -- OpenClinica
            'CANDIDATE',                               -- InForm, Clinical One: not yet with the site, so it is ours to issue or delete
            'PREQUERY RAISED', 'PREQUERY PROMOTED'     -- Viedoc: not yet with the site either
        ) THEN 'answered'
        WHEN upper(trim(t)) IN (
            'CLOSED',                                  -- all
            'CLOSED-MODIFIED', 'CLOSED MODIFIED',      -- OpenClinica: closed with a change of the value
            'QUERY APPROVED', 'APPROVED',              -- Viedoc: the answer was accepted
            'QUERY REJECTED', 'REJECTED',              -- Viedoc: the answer was not accepted; this query ends and a new one is raised
            'QUERY CLOSED'                             -- Viedoc: closed by a change of the value
        ) THEN 'closed'
        WHEN upper(trim(t)) IN (
            'CANCELLED', 'CANCELED', 'WITHDRAWN',      -- Rave
            'DELETED',                                 -- InForm, Veeva
            'QUERY REMOVED', 'REMOVED',                -- Viedoc
            'PREQUERY REJECTED', 'PREQUERY REMOVED',   -- Viedoc: never reached the site
            'NOT APPLICABLE'                           -- OpenClinica
        ) THEN 'cancelled'
    END;

-- Who a group or role in a query listing is: DM Review, Field Monitor Review, Site from CRA (its first or second half), Clinical Review.
CREATE OR REPLACE MACRO query_party(t) AS
    CASE
        WHEN regexp_matches(upper(t), '\bSITE\b|INVESTIGATOR') THEN 'Site'
        WHEN regexp_matches(upper(t), '\b(CRA|FM|CLINICAL)\b|MONITOR') THEN 'CRA'
        WHEN regexp_matches(upper(t), 'MEDICAL') THEN 'Medical'
        WHEN regexp_matches(upper(t), 'SAFETY') THEN 'Safety'
        WHEN regexp_matches(upper(t), 'COD(ER|ING)') THEN 'Coding'
        WHEN regexp_matches(upper(t), '\bDM\b|DATA MANAGE') THEN 'Data management'
        WHEN regexp_matches(upper(t), 'SYSTEM|VALIDATION') THEN 'System'
    END;

-- The halves of a marking group: `Site from DM` and `DM to Site` ask the site and come from data management.
CREATE OR REPLACE MACRO query_recipient(t) AS
    query_party(CASE WHEN regexp_matches(lower(t), ' from ') THEN regexp_extract(lower(t), '^(.*?) from ', 1) ELSE regexp_extract(lower(t), ' to (.*)$', 1) END);
CREATE OR REPLACE MACRO query_sender(t) AS
    query_party(CASE WHEN regexp_matches(lower(t), ' from ') THEN regexp_extract(lower(t), ' from (.*)$', 1)
                     WHEN regexp_matches(lower(t), ' to ') THEN regexp_extract(lower(t), '^(.*?) to ', 1) ELSE t END);

-- A key for a query of a listing that gives none, from what does not change while the query lives.
CREATE OR REPLACE MACRO query_key(subject, visit, form, field, formrow, opened, query_text) AS
    concat_ws('|', 'Q', subject, coalesce(visit, ''), coalesce(form, ''), coalesce(field, ''), coalesce(formrow, ''), coalesce(opened, ''),
              left(md5(coalesce(query_text, '')), 8));

-- The name of a field, form or visit without what differs between spellings: letters and figures only, in capitals.
CREATE OR REPLACE MACRO plain_name(t) AS nullif(regexp_replace(upper(t), '[\s_#.-]+', '', 'g'), '');

-- A row number on a form without leading zeros; NULL when there is none.
CREATE OR REPLACE MACRO plain_row(t) AS CASE WHEN NOT blank(t) THEN coalesce(nullif(ltrim(trim(t), '0'), ''), '0') END;

-- Of what two sides say of one place, nothing differs: they have a name in common, or one of them says nothing.
CREATE OR REPLACE MACRO same_place(a, b) AS
    len(list_filter(a, lambda x: x IS NOT NULL)) = 0 OR len(list_filter(b, lambda x: x IS NOT NULL)) = 0 OR list_has_any(a, b);

-- ── two sources that speak of one thing ─────────────────────────────────────────────────────────────────────────

-- A text without what differs between spellings of it: lower case, one space between words, nothing but letters and figures.
CREATE OR REPLACE MACRO plain_words(t) AS nullif(trim(regexp_replace(lower(t), '[^\p{L}\p{N}]+', ' ', 'g')), '');

-- How alike two texts are, from 0 to 1: by typed errors (a swap of two letters is one), or by the words in common, whichever is more.
CREATE OR REPLACE MACRO text_similarity(a, b) AS
    CASE WHEN plain_words(a) = plain_words(b) THEN 1.0
         WHEN plain_words(a) IS NULL OR plain_words(b) IS NULL THEN NULL
         ELSE greatest(1.0 - damerau_levenshtein(plain_words(a), plain_words(b)) / greatest(length(plain_words(a)), length(plain_words(b))),
                       2.0 * len(list_intersect(string_split(plain_words(a), ' '), string_split(plain_words(b), ' ')))
                           / (len(list_distinct(string_split(plain_words(a), ' '))) + len(list_distinct(string_split(plain_words(b), ' '))))) END;

-- ── units ───────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE MACRO unit_key(u) AS lower(replace(replace(replace(trim(u), ' ', ''), 'µ', 'u'), 'μ', 'u'));

-- Vital signs in kg, cm, °C, mmHg and beats/min; NULL for a unit that is not known, so that nothing is converted by guess.
CREATE OR REPLACE MACRO vs_standard_result(v, u) AS
    CASE
        WHEN unit_key(u) IN ('kg', 'cm', 'c', '°c', 'degc', 'celsius', 'mmhg', 'beats/min', 'bpm', 'breaths/min', '%', 'kg/m2') THEN v
        WHEN unit_key(u) IN ('lb', 'lbs', 'pound', 'pounds') THEN round(v * 0.45359237, 2)
        WHEN unit_key(u) = 'g' THEN v / 1000
        WHEN unit_key(u) IN ('in', 'inch', 'inches') THEN round(v * 2.54, 2)
        WHEN unit_key(u) IN ('m', 'metre', 'meter') THEN v * 100
        WHEN unit_key(u) IN ('f', '°f', 'degf', 'fahrenheit') THEN round((v - 32) / 1.8, 2)
        WHEN unit_key(u) = 'kpa' THEN round(v * 7.50062, 1)
    END;

CREATE OR REPLACE MACRO vs_standard_unit(u) AS
    CASE
        WHEN unit_key(u) IN ('kg', 'lb', 'lbs', 'pound', 'pounds', 'g') THEN 'kg'
        WHEN unit_key(u) IN ('cm', 'in', 'inch', 'inches', 'm', 'metre', 'meter') THEN 'cm'
        WHEN unit_key(u) IN ('c', '°c', 'degc', 'celsius', 'f', '°f', 'degf', 'fahrenheit') THEN 'C'
        WHEN unit_key(u) IN ('mmhg', 'kpa') THEN 'mmHg'
        WHEN unit_key(u) IN ('beats/min', 'bpm') THEN 'beats/min'
        WHEN unit_key(u) IN ('breaths/min', '%', 'kg/m2') THEN unit_key(u)
    END;

-- ── adverse events, history and medications ─────────────────────────────────────────────────────────────────────

-- What tells one event or medication of a subject from another: its own number (repeated at several visits), else its record.
CREATE OR REPLACE MACRO event_key(record, number) AS CASE WHEN blank(number) THEN 'record ' || record ELSE 'number ' || trim(number) END;

-- The number of an event, condition or medication without leading zeros, in capitals.
CREATE OR REPLACE MACRO number_key(t) AS nullif(ltrim(upper(trim(t)), '0'), '');

-- A text that refers to numbers (2; 1, 2; 02 and 3) names this one.
CREATE OR REPLACE MACRO names_number(t, number) AS
    coalesce(list_contains(list_transform(regexp_split_to_array(upper(t), '[^A-Z0-9]+'), lambda x: ltrim(x, '0')), number_key(number)), false);

-- The outcome of an event is death.
CREATE OR REPLACE MACRO fatal_outcome(t) AS coalesce(regexp_matches(upper(trim(t)), '^(FATAL|DEATH|DIED)'), false);

-- A grade from 1 to 5 as a number: 3, GRADE 3, 3 (severe), CTCAE GRADE 3. NULL for any other text.
CREATE OR REPLACE MACRO toxicity_grade(t) AS
    TRY_CAST(nullif(regexp_extract(upper(trim(t)), '^(?:(?:CTCAE |CTC |NCI )*GRADE *)?([1-5])(?:\.0)?(?:[^0-9.].*)?$', 1), '') AS INTEGER);

-- What was done with study treatment: WITHDRAWN, REDUCED, INTERRUPTED or INCREASED; NULL for none of them.
CREATE OR REPLACE MACRO treatment_action(t) AS
    CASE
        WHEN regexp_matches(upper(t), 'NOT (CHANGED|APPLICABLE|WITHDRAWN|INTERRUPTED|REDUCED|STOPPED|DISCONTINUED)|^(NONE|NO)\b|UNKNOWN') THEN NULL
        WHEN regexp_matches(upper(t), 'REDUC|DECREAS|LOWERED') THEN 'REDUCED'
        WHEN regexp_matches(upper(t), 'INTERRUPT|TEMPORAR|WITHHELD|\bHELD\b|PAUSED') THEN 'INTERRUPTED'
        WHEN regexp_matches(upper(t), 'WITHDRAWN|DISCONTINU|STOPPED|PERMANENT') THEN 'WITHDRAWN'
        WHEN regexp_matches(upper(t), 'INCREAS') THEN 'INCREASED'
    END;

-- Causality in any usual scale as Y (at least possible) and N (none, unlikely, remote); NULL for codes in figures and unknown.
CREATE OR REPLACE MACRO related(t) AS
    CASE
        WHEN regexp_matches(upper(trim(t)), '^(N|NO|NONE|NOT|REMOTE|UNLIKELY|UNRELATED|IMPROBABLE|DOUBTFUL)\b') THEN 'N'
        WHEN regexp_matches(upper(trim(t)), '^(Y|YES|RELATED|POSSIBL[EY]|PROBABL[EY]|DEFINITE(LY)?|CERTAIN(LY)?|LIKELY|REASONABLE|SUSPECTED)\b') THEN 'Y'
    END;

-- The only sex that can have a condition, going by its words (M or F); NULL for all others. \b keeps INTESTINAL from being TESTI.
CREATE OR REPLACE MACRO sex_of_condition(t) AS
    CASE
        WHEN regexp_matches(upper(t), '\b(FAMILY|MOTHER|FATHER|WIFE|HUSBAND|PARTNER|BROTHER|SISTER|SON|DAUGHTER)\b') THEN NULL
        WHEN regexp_matches(upper(t), '\b(PROSTAT|TESTIS\b|TESTES\b|TESTIC|SCROT|PENI(S|LE)\b|ERECTILE|EJACULAT|EPIDIDYM|VASECTOM|PHIMOS|PARAPHIMOS|ORCHI(TIS|ECTOM|DECTOM|OPEX)|PRIAPISM|VARICOCELE|SEMINOMA|BALANITIS|AZOOSPERM|OLIGOSPERM)') THEN 'M'
        WHEN regexp_matches(upper(t), '\b(PREGNAN|OVAR(Y|IES|IAN)|UTER(US|INE|O)|INTRAUTERINE|VAGIN|VULV|HYSTERECTOM|HYSTEROSCOP|OOPHORECTOM|SALPINGO|ENDOMETRI|CERVICITIS|MENOPAUS|PERIMENOPAUS|POSTMENOPAUS|MENOMETRO|MENORRHAG|METRORRHAG|AMENORRH|DYSMENORRH|OLIGOMENORRH|HYPERMENORRH|MENSES\b|MENSTR|MISCARRIAGE|ABORTION|PREECLAMPS|PRE-ECLAMPS|CAESAREAN|CESAREAN|POSTPARTUM|POST-PARTUM|GESTATION)') THEN 'F'
    END;

-- A text that stands in a term field without naming anything: none, unknown, a number, not applicable.
CREATE OR REPLACE MACRO no_term(t) AS
    NOT blank(t)
    AND (unknown_text(t) OR NOT regexp_matches(upper(t), '\pL')
         OR regexp_full_match(upper(trim(t)), '(NONE|NIL|NO|YES|TEST|NO (KNOWN )?(NEW )?(ADVERSE EVENTS?|AES?|EVENTS?|SYMPTOMS?|MEDICAL HISTORY|HISTORY|MEDICATIONS?)|NOTHING|SEE (ABOVE|BELOW|COMMENTS?|NOTES?))\.?'));

-- Several things in one text: nausea and vomiting, cough/fever, rash + itching; a comma alone is no sign, and fixed pairs are one thing.
CREATE OR REPLACE MACRO several_terms(t) AS
    regexp_matches(regexp_replace(upper(t), 'HAND AND FOOT|HAND,? FOOT AND MOUTH|FOOT AND MOUTH|HEAD AND NECK|PINS AND NEEDLES|NECK AND SHOULDER|EARS?,? NOSE AND THROAT|SKIN AND SOFT TISSUE|UPPER AND LOWER|LEFT AND RIGHT|RIGHT AND LEFT|AND/OR|N/A|MILD/MODERATE|CUTS AND BRUISES|(BETWEEN|BOTH) \w+ AND', '', 'g'),
                   '\w AND \w|\w *& *\w|\w *\+ \w|;|\pL{3,} */ *\pL{3,}');
