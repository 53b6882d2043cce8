"""The tables `subjects`, `visits` and `queries`, on rows entered here, against values worked out by hand."""

import pytest

from cdmlib import sqlfile, standard


@pytest.fixture
def con():
    return standard.empty_database()


def add(con, table, **values):
    """One row of a standard table; its record key is its number in the table unless given."""
    number = con.execute(f"SELECT count(*) + 1 FROM {table}").fetchone()[0]
    named = {c.name for c in standard.tables()[table]}
    row = {
        name: value for name, value in ({"record_key": str(number), "siteid": "01"} | values).items() if name in named
    }
    columns = ", ".join(standard.quote(column) for column in row)
    con.execute(f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def rows(con, name, as_of="2024-03-31"):
    """What the table file gives, as one dict per row."""
    file = sqlfile.read(standard.SQL / "tables" / f"{name}.sql", "table")
    result = con.execute(file.sql, {"as_of": as_of} if "$as_of" in file.sql else {})
    columns = [column[0] for column in result.description]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def the_subject(con, **expected):
    """Assert that there is one subject, with these values."""
    found = rows(con, "subjects")
    assert len(found) == 1
    assert {name: found[0][name] for name in expected} == expected


def the_visits(con, *names):
    return [tuple(row[name] for name in names) for row in rows(con, "visits")]


def derive_subjects(con):
    file = sqlfile.read(standard.SQL / "tables" / "subjects.sql", "table")
    con.execute(f"INSERT INTO subjects {file.sql}")


@pytest.mark.parametrize("name", standard.DERIVED)
def test_a_derived_table_has_the_standard_columns_in_their_order(con, name):
    file = sqlfile.read(standard.SQL / "tables" / f"{name}.sql", "table")
    params = {"as_of": "2024-03-31"} if "$as_of" in file.sql else {}
    assert [c[0] for c in con.execute(file.sql, params).description] == [c.name for c in standard.tables()[name]]


@pytest.mark.parametrize("name", standard.DERIVED)
def test_no_data_give_no_rows(con, name):
    assert rows(con, name) == []


@pytest.mark.parametrize("name", standard.DERIVED)
def test_every_source_table_may_be_missing(name):
    file = sqlfile.read(standard.SQL / "tables" / f"{name}.sql", "table")
    used = {table for table in standard.mapped() if f"FROM {table}" in " ".join(file.sql.split())}
    assert used == set(file.optional) - {"subjects", "visits", "visit_plan"}


# ── subjects ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_subject_of_demographics_brings_its_details(con):
    add(con, "dm", subjid="1001", siteid="07", country="USA", sex="F", brthdtc="1960-05", age=63, arm="A", source="edc")
    con.execute("UPDATE dm SET dataset = 'DM', source_row = 12")
    the_subject(
        con, record_key="1001", subjid="1001", siteid="07", country="USA", sex="F", birth_date="1960-05", age=63.0,
        arm="A", source="edc", dataset="DM", source_row=12, visit=None, form=None, formrow=None, status="SCREENED",
        first_dose=None, last_contact=None,
    )  # fmt: skip


@pytest.mark.parametrize("table", [d for d in standard.domains()])
def test_a_subject_that_appears_anywhere_is_a_subject(con, table):
    add(con, table, subjid="1001", siteid="02")
    the_subject(con, record_key="1001", siteid="02", sex=None, source=None, source_row=None)


def test_a_subject_has_one_row_and_the_site_of_demographics(con):
    add(con, "ae", subjid="1001", siteid="01")
    add(con, "vs", subjid="1001", siteid="02")
    add(con, "vs", subjid="1001", siteid="02")
    the_subject(con, siteid="01")
    add(con, "dm", subjid="1001", siteid="03")
    the_subject(con, siteid="03")


def test_rows_without_a_subject_make_none(con):
    add(con, "ae", subjid=None)
    add(con, "ae", subjid=" ")
    assert rows(con, "subjects") == []


def test_a_second_demographics_record_does_not_make_a_second_subject(con):
    add(con, "dm", record_key="b", subjid="1001", sex="M")
    add(con, "dm", record_key="a", subjid="1001", sex="F")
    the_subject(con, sex="F")


def test_consent_comes_from_demographics_before_disposition(con):
    add(con, "dm", subjid="1001", rficdtc=None)
    add(con, "ds", subjid="1001", dsdecod="INFORMED CONSENT OBTAINED", dsstdtc="2024-01-05")
    add(con, "ds", subjid="1001", dsdecod="Informed consent obtained", dsstdtc="2024-01-03")
    add(con, "ds", subjid="1001", dsdecod="INFORMED CONSENT WITHDRAWN", dsstdtc="2024-01-01")
    the_subject(con, consent_date="2024-01-03")
    con.execute("UPDATE dm SET rficdtc = '2024-01-04T10:00'")
    the_subject(con, consent_date="2024-01-04")


@pytest.mark.parametrize("term", ["RANDOMIZED", "Randomised", "RANDOMISATION"])
def test_randomisation_is_read_in_either_spelling(con, term):
    add(con, "ds", subjid="1001", dscat="PROTOCOL MILESTONE", dsdecod=term, dsstdtc="2024-01-08")
    the_subject(con, randomised_date="2024-01-08", status="RANDOMISED", disposition=None, last_contact="2024-01-08")


def test_first_and_last_dose_are_the_earliest_start_and_the_latest_end_or_start(con):
    add(con, "ex", subjid="1001", exdose=0, exstdtc="2024-01-15", exendtc="2024-01-28")
    add(con, "ex", subjid="1001", exdose=0, exstdtc="2024-01-08T09:00", exendtc="2024-01-14")
    add(con, "ex", subjid="1001", exdose=0, exstdtc="2024-02-01")
    the_subject(con, first_dose="2024-01-08", last_dose="2024-02-01", status="ON TREATMENT")


def test_a_dose_not_taken_is_no_dose(con):
    add(con, "ex", subjid="1001", exoccur="N", exstdtc="2024-01-01")
    add(con, "ex", subjid="1001", exoccur="Y", exstdtc="2024-01-08", exendtc="2024-01-08")
    add(con, "ex", subjid="1001", exoccur="N", exstdtc="2024-02-01")
    the_subject(con, first_dose="2024-01-08", last_dose="2024-01-08")


@pytest.mark.parametrize(
    ("starts", "first"),
    [
        (["2024", "2024-01-08"], "2024-01-08"),
        (["2024-01", "2024-01-08"], "2024-01-08"),
        (["2023-12", "2024-01-08"], "2023-12"),
        (["2024-01"], "2024-01"),
        ([None], None),
    ],
)
def test_a_partial_date_is_the_first_dose_only_when_it_is_earlier_for_certain(con, starts, first):
    for start in starts:
        add(con, "ex", subjid="1001", exstdtc=start)
    the_subject(con, first_dose=first, status="ON TREATMENT")


def test_the_latest_study_disposition_counts(con):
    add(con, "ds", subjid="1001", dscat="DISPOSITION EVENT", dsdecod="COMPLETED", dsstdtc="2024-03-01")
    add(con, "ds", subjid="1001", dscat="DISPOSITION EVENT", dsdecod="LOST TO FOLLOW-UP", dsstdtc="2024-04-01T08:00")
    add(con, "ds", subjid="1001", dscat="DISPOSITION EVENT", dsscat="TREATMENT", dsdecod="COMPLETED", dsstdtc="2024-05")
    add(con, "ds", subjid="1001", dscat="OTHER EVENT", dsdecod="FINAL LAB VISIT", dsstdtc="2024-06-01")
    the_subject(con, disposition="LOST TO FOLLOW-UP", disposition_date="2024-04-01", status="DISCONTINUED")


def test_a_disposition_without_a_decode_is_read_from_its_term(con):
    add(con, "ds", subjid="1001", dsterm="Moved to another town", dsstdtc="2024-03-01")
    the_subject(con, disposition="Moved to another town", status="DISCONTINUED")


def test_dispositions_of_one_day_are_told_apart_by_their_key(con):
    add(con, "ds", record_key="2", subjid="1001", dsdecod="COMPLETED", dsstdtc="2024-03-01")
    add(con, "ds", record_key="1", subjid="1001", dsdecod="ADVERSE EVENT", dsstdtc="2024-03-01")
    the_subject(con, disposition="COMPLETED")


def test_a_dated_disposition_counts_before_an_undated_one(con):
    add(con, "ds", subjid="1001", dsdecod="COMPLETED", dsstdtc="2024-03-01")
    add(con, "ds", subjid="1001", dsdecod="ADVERSE EVENT")
    the_subject(con, disposition="COMPLETED", disposition_date="2024-03-01")


def test_death_is_known_from_demographics_adverse_events_disposition_or_its_date(con):
    add(con, "ds", subjid="1001", dsdecod="DEATH", dsstdtc="2024-05-03")
    the_subject(con, death_date="2024-05-03", status="DEATH")
    add(con, "ds", subjid="1001", dsdecod="FOLLOW-UP ENDED", dthdtc="2024-05-02")
    the_subject(con, death_date="2024-05-02")
    add(con, "dm", subjid="1001", dthdtc="2024-05")
    the_subject(con, death_date="2024-05-02")  # May alone is not earlier for certain
    add(con, "ae", subjid="1001", aeterm="Stroke", dthdtc="2024-05-01")
    the_subject(con, death_date="2024-05-01")
    con.execute("UPDATE dm SET dthdtc = '2024-04'")
    the_subject(con, death_date="2024-04")


def test_a_death_flag_without_a_date_is_a_death(con):
    add(con, "dm", subjid="1001", dthfl="Y")
    the_subject(con, death_date=None, status="DEATH")


def test_last_contact_is_the_latest_full_date_of_any_kind(con):
    add(con, "cm", subjid="1001", cmstdtc="2025-01-01")  # taken at home: no contact
    the_subject(con, last_contact=None)
    for table, values, latest in [
        ("sv", {"svstdtc": "2024-01-01"}, "2024-01-01"),
        ("vs", {"vsdtc": "2024-01-02T10:00"}, "2024-01-02"),
        ("lb", {"lbdtc": "2024-01-03"}, "2024-01-03"),
        ("ae", {"aestdtc": "2024-01-04"}, "2024-01-04"),
        ("ae", {"aestdtc": "2024-01-04", "aeendtc": "2024-01-05"}, "2024-01-05"),
        ("ex", {"exstdtc": "2024-01-06"}, "2024-01-06"),
        ("ex", {"exstdtc": "2024-01-06", "exendtc": "2024-01-07"}, "2024-01-07"),
        ("ds", {"dsdecod": "COMPLETED", "dsstdtc": "2024-01-08"}, "2024-01-08"),
        ("vs", {"vsdtc": "2024-02"}, "2024-01-08"),  # partial
        ("lb", {"lbdtc": "2024-01-03"}, "2024-01-08"),  # earlier
    ]:
        add(con, table, subjid="1001", **values)
        the_subject(con, last_contact=latest)


@pytest.mark.parametrize(
    ("term", "status"),
    [
        ("SCREEN FAILURE", "SCREEN FAILURE"),
        ("Screening failure", "SCREEN FAILURE"),
        ("COMPLETED", "COMPLETED"),
        ("Protocol completed", "COMPLETED"),
        ("ADVERSE EVENT", "DISCONTINUED"),
        ("WITHDRAWAL OF CONSENT", "DISCONTINUED"),
        ("NOT COMPLETED", "DISCONTINUED"),
        ("Death", "DEATH"),
        (None, "ON TREATMENT"),
    ],
)
def test_status_follows_the_disposition_then_dosing(con, term, status):
    add(con, "dm", subjid="1001")
    add(con, "ex", subjid="1001", exstdtc="2024-01-08")
    add(con, "ds", subjid="1001", dsdecod="RANDOMIZED", dsstdtc="2024-01-08")
    add(con, "ds", subjid="1001", dscat="DISPOSITION EVENT", dsdecod=term, dsstdtc="2024-03-08")
    the_subject(con, status=status)


def test_an_arm_of_screen_failures_makes_the_status_when_nothing_else_does(con):
    add(con, "dm", subjid="1001", arm="Screen Failure")
    the_subject(con, status="SCREEN FAILURE")


def test_subjects_do_not_mix(con):
    add(con, "dm", subjid="1001", siteid="01")
    add(con, "dm", subjid="1002", siteid="01")
    add(con, "ex", subjid="1001", exstdtc="2024-01-08")
    add(con, "ds", subjid="1002", dsdecod="SCREEN FAILURE", dsstdtc="2024-01-02")
    found = [(row["subjid"], row["first_dose"], row["status"]) for row in rows(con, "subjects")]
    assert found == [("1001", "2024-01-08", "ON TREATMENT"), ("1002", None, "SCREEN FAILURE")]


# ── visits ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def planned(con):
    """Screening in the week before, baseline on day 1, a visit on day 15; one subject, dosed on 2024-01-08."""
    for visit, number, day, before, after in [
        ("Screening", 1, -7, 7, 0),
        ("Baseline", 2, 1, 0, 0),
        ("WEEK 2", 3, 15, 2, 3),
    ]:
        row = [visit, number, day, before, after]
        con.execute("INSERT INTO visit_plan VALUES (?, ?, ?, ?, ?)", row)
    add(con, "ex", subjid="1001", exstdtc="2024-01-08")
    derive_subjects(con)
    return con


@pytest.mark.parametrize(
    ("visit", "day", "study_day", "window", "outside"),
    [
        ("SCREENING", "2024-01-01", -7, ("2023-12-25", "2024-01-01"), 0),  # day -7 is seven days before
        ("SCREENING", "2024-01-02", -6, ("2023-12-25", "2024-01-01"), 1),
        ("SCREENING", "2023-12-25", -14, ("2023-12-25", "2024-01-01"), 0),
        ("SCREENING", "2023-12-24", -15, ("2023-12-25", "2024-01-01"), -1),
        ("BASELINE", "2024-01-08", 1, ("2024-01-08", "2024-01-08"), 0),
        ("BASELINE", "2024-01-07", -1, ("2024-01-08", "2024-01-08"), -1),  # there is no day 0
        ("Week 2", "2024-01-22", 15, ("2024-01-20", "2024-01-25"), 0),  # day 15 is 14 days after day 1
        ("Week 2", "2024-01-20", 13, ("2024-01-20", "2024-01-25"), 0),
        ("Week 2", "2024-01-25T12:00", 18, ("2024-01-20", "2024-01-25"), 0),
        ("Week 2", "2024-01-26", 19, ("2024-01-20", "2024-01-25"), 1),
        ("Week 2", "2024-01-16", 9, ("2024-01-20", "2024-01-25"), -4),
        ("Week 2", "2024-01", None, ("2024-01-20", "2024-01-25"), None),  # date partial
        ("Week 2", None, None, ("2024-01-20", "2024-01-25"), None),
        ("Unscheduled", "2024-01-16", 9, (None, None), None),  # not in the plan
    ],
)
def test_a_visit_is_held_against_its_window(planned, visit, day, study_day, window, outside):
    add(planned, "sv", subjid="1001", visit=visit, svstdtc=day)
    found = the_visits(planned, "study_day", "window_start", "window_end", "days_outside")
    assert found == [(study_day, *window, outside)]


def test_the_visit_number_comes_from_the_visit_before_the_plan(planned):
    add(planned, "sv", subjid="1001", visit="Week 2", svstdtc="2024-01-22")
    add(planned, "sv", subjid="1001", visit="Week 2", svstdtc="2024-01-24", visitnum=3.1)
    assert the_visits(planned, "visitnum", "planned_day") == [(3.0, 15), (3.1, 15)]


def test_without_a_first_dose_there_is_no_window(con):
    con.execute("INSERT INTO visit_plan VALUES ('WEEK 2', 3, 15, 2, 3)")
    add(con, "sv", subjid="1001", visit="WEEK 2", svstdtc="2024-01-22")
    derive_subjects(con)
    found = the_visits(con, "planned_day", "study_day", "window_start", "days_outside")
    assert found == [(15, None, None, None)]


def test_a_window_open_to_one_side_is_judged_on_the_other(planned):
    planned.execute("UPDATE visit_plan SET before = NULL WHERE visit = 'WEEK 2'")
    add(planned, "sv", subjid="1001", visit="WEEK 2", svstdtc="2024-01-10")
    add(planned, "sv", subjid="1001", visit="WEEK 2", svstdtc="2024-01-27")
    assert the_visits(planned, "window_start", "days_outside") == [(None, 0), (None, 2)]


def test_a_plan_that_names_a_visit_twice_does_not_double_it(planned):
    planned.execute("INSERT INTO visit_plan VALUES ('week 2 ', 9, 99, 1, 1)")
    add(planned, "sv", subjid="1001", visit="WEEK 2", svstdtc="2024-01-22")
    assert the_visits(planned, "planned_day") == [(15,)]


def test_visit_records_bring_their_form_and_source(con):
    add(con, "sv", subjid="1001", siteid="07", visit="WEEK 2", form="Visit", svstdtc="2024-01-22", source="edc")
    columns = ("record_key", "siteid", "subjid", "visit", "visit_date", "form", "source")
    assert the_visits(con, *columns) == [("1001|WEEK 2", "07", "1001", "WEEK 2", "2024-01-22", "Visit", "edc")]


def test_a_visit_held_again_has_its_date_in_its_key(con):
    add(con, "sv", subjid="1001", visit="UNSCHEDULED", svstdtc="2024-02-22")
    add(con, "sv", subjid="1001", visit="UNSCHEDULED", svstdtc="2024-01-22")
    add(con, "sv", subjid="1001", visit="UNSCHEDULED")
    add(con, "sv", subjid="1001", svstdtc="2024-03-01")
    assert the_visits(con, "record_key", "visit_date") == [
        ("1001|UNSCHEDULED", "2024-01-22"),
        ("1001|UNSCHEDULED|2024-02-22", "2024-02-22"),
        ("1001|", "2024-03-01"),
        ("1001|UNSCHEDULED|", None),
    ]


def test_two_records_of_one_visit_day_are_one_visit(con):
    add(con, "sv", record_key="b", subjid="1001", visit="WEEK 2", svstdtc="2024-01-22T10:00", form="Second")
    add(con, "sv", record_key="a", subjid="1001", visit="WEEK 2", svstdtc="2024-01-22", form="First")
    assert the_visits(con, "record_key", "form") == [("1001|WEEK 2", "First")]


def test_a_visit_that_did_not_take_place_is_no_visit(con):
    add(con, "sv", subjid="1001", visit="WEEK 2", svoccur="N")
    add(con, "sv", subjid="1001", visit="WEEK 4", svoccur="Y", svstdtc="2024-02-05")
    assert the_visits(con, "visit") == [("WEEK 4",)]


def test_without_visit_records_the_earliest_full_date_of_the_assessments_counts(con):
    add(con, "vs", subjid="1001", visit="WEEK 2", vsdtc="2024-01-23T09:00")
    add(con, "lb", subjid="1001", visit="WEEK 2", lbdtc="2024-01-22T08:00")
    add(con, "eg", subjid="1001", visit="WEEK 2", egdtc="2024-01-24")
    add(con, "qs", subjid="1001", visit="WEEK 2", qsdtc="2024-01")  # partial
    add(con, "vs", subjid="1001", visit=None, vsdtc="2024-01-01")  # of no visit
    add(con, "ex", subjid="1001", visit="WEEK 2", exstdtc="2024-01-02")  # dosing is no visit
    add(con, "qs", subjid="1001", visit="WEEK 4", qsdtc="2024-02-05")
    assert the_visits(con, "record_key", "visit_date", "source") == [
        ("1001|WEEK 2", "2024-01-22", None),
        ("1001|WEEK 4", "2024-02-05", None),
    ]


def test_with_visit_records_assessments_make_no_visits(con):
    add(con, "sv", subjid="1001", visit="WEEK 2", svstdtc="2024-01-22")
    add(con, "vs", subjid="1001", visit="WEEK 4", vsdtc="2024-02-05")
    add(con, "vs", subjid="1002", visit="WEEK 2", vsdtc="2024-01-23")
    assert the_visits(con, "subjid", "visit") == [("1001", "WEEK 2")]


def test_visit_keys_are_unique_and_visits_in_order(con):
    for number, day in enumerate(["2024-03-01", "2024-01-01", "2024-02-01", "2024-01-01"]):
        add(con, "sv", subjid=str(1001 + number % 2), visit="UNSCHEDULED", svstdtc=day)
    keys = [key for (key,) in the_visits(con, "record_key")]
    assert keys == ["1001|UNSCHEDULED", "1001|UNSCHEDULED|2024-03-01", "1002|UNSCHEDULED"]


# ── queries ─────────────────────────────────────────────────────────────────────────────────────────────────────


def the_query(con, as_of="2024-03-31", **expected):
    """Assert that there is one query, with these values."""
    found = rows(con, "queries", as_of)
    assert len(found) == 1
    assert {name: found[0][name] for name in expected} == expected


@pytest.mark.parametrize(
    ("state", "answered", "closed", "status"),
    [
        ("Open", None, None, "open"),
        ("Reopened", "2024-03-02", None, "open"),
        ("Answered", "2024-03-02", None, "answered"),
        ("Closed", "2024-03-02", "2024-03-03", "closed"),
        ("Cancelled", None, "2024-03-03", "cancelled"),
        ("asleep", None, None, "open"),
        ("asleep", "2024-03-02", None, "answered"),
        ("asleep", None, "2024-03-03", "closed"),
        (None, None, "2024-03-03", "closed"),
    ],
)
def test_a_status_word_that_is_not_known_goes_by_the_dates(con, state, answered, closed, status):
    add(con, "edc_queries", subjid="1", state=state, opened_on="2024-03-01", answered_on=answered, closed_on=closed)
    the_query(con, status=status, state=state)


@pytest.mark.parametrize(
    ("opened", "days", "bucket"),
    [
        ("2024-03-31", 0, "0-7"),
        ("2024-03-24", 7, "0-7"),
        ("2024-03-23", 8, "8-14"),
        ("2024-03-17", 14, "8-14"),
        ("2024-03-16", 15, "15-21"),
        ("2024-03-10", 21, "15-21"),
        ("2024-03-09", 22, "22-28"),
        ("2024-03-03", 28, "22-28"),
        ("2024-03-02", 29, ">28"),
        ("2024-04-01", -1, "not known"),
        ("2024-03", None, "not known"),
        (None, None, "not known"),
    ],
)
def test_a_boundary_day_belongs_to_the_younger_group(con, opened, days, bucket):
    add(con, "edc_queries", subjid="1", state="Open", opened_on=opened)
    the_query(con, age_days=days, age_bucket=bucket)


def test_the_age_of_a_query_ends_with_what_its_status_says(con):
    dates = {"opened_on": "2024-03-01", "answered_on": "2024-03-05T23:59", "closed_on": "2024-03-11T00:01"}
    add(con, "edc_queries", query_id="1", subjid="1", state="Open", **dates)
    add(con, "edc_queries", query_id="2", subjid="1", state="Answered", **dates)
    add(con, "edc_queries", query_id="3", subjid="1", state="Closed", **dates)
    add(con, "edc_queries", query_id="4", subjid="1", state="Cancelled", **dates)
    names = ("query_id", "age_days", "waiting_days", "response_days", "closing_days", "closed_on")
    found = sorted(tuple(row[name] for name in names) for row in rows(con, "queries"))
    assert found == [
        ("1", 30, 30, 4, None, None),  # asked again after an answer: it waits, and is not closed
        ("2", 4, 26, 4, None, None),
        ("3", 10, None, 4, 10, "2024-03-11T00:01"),
        ("4", 10, None, 4, 10, "2024-03-11T00:01"),
    ]


@pytest.mark.parametrize(
    ("state", "group", "owner", "acts"),
    [
        ("Open", "Site from System", None, "Site"),
        ("Open", "DM from System", None, "Data management"),
        ("Open", None, None, "Site"),
        ("Open", "Manual", None, "Site"),
        ("Open", "Site from DM", "Medical Review", "Medical"),
        ("Answered", "Site from System", None, "Data management"),
        ("Answered", "Site from CRA", None, "CRA"),
        ("Answered", None, None, "Data management"),
        ("Answered", "Site", None, "Data management"),
        ("Answered", "Site from DM", "Field Monitor Review", "CRA"),
        ("Closed", "Site from DM", "DM Review", None),
        ("Cancelled", "Site from DM", None, None),
    ],
)
def test_the_site_acts_on_open_queries_and_who_asked_on_answered_ones(con, state, group, owner, acts):
    add(con, "edc_queries", subjid="1", state=state, marking_group=group, owner=owner)
    the_query(con, action_owner=acts, marking_group=group)


def test_a_listing_with_a_row_per_change_is_one_query_with_the_last_status(con):
    query = {"query_id": "7", "subjid": "1", "source": "q", "text": "Why?"}
    add(con, "edc_queries", state="Query Raised", changed_on="2024-03-01", opened_by="Anna", **query)
    add(con, "edc_queries", state="Query Approved", changed_on="2024-03-09", opened_by="Anna", **query)
    add(con, "edc_queries", state="Query Resolved", changed_on="2024-03-04", opened_by="Site", response="So", **query)
    the_query(
        con, query_id="7", record_key="1", status="closed", state="Query Approved", opened_by="Anna", response="So",
        opened_on="2024-03-01", answered_on="2024-03-04", closed_on="2024-03-09", age_days=8, response_days=3,
    )  # fmt: skip


def test_an_open_query_whose_last_row_is_a_response_is_answered_until_it_is_asked_again(con):
    query = {"query_id": "7", "subjid": "1", "state": "OPEN"}
    add(con, "edc_queries", changed_on="2024-03-01", **query)
    add(con, "edc_queries", changed_on="2024-03-04", response="CONFIRMED_CORRECT", **query)
    the_query(con, status="answered", opened_on="2024-03-01", answered_on="2024-03-04")
    add(con, "edc_queries", changed_on="2024-03-06", **query)
    the_query(con, status="open", waiting_days=30, answered_on="2024-03-04", closed_on=None)


def test_a_row_that_speaks_of_no_query_makes_none(con):
    add(con, "edc_queries", query_id="7", subjid="1", state="Verified", changed_on="2024-03-01")
    assert rows(con, "queries") == []


def test_a_query_has_the_site_of_its_subject_else_what_the_listing_says(con):
    add(con, "edc_queries", query_id="1", subjid="1001", siteid="Clinic", state="Open")
    add(con, "edc_queries", query_id="2", subjid="1002", siteid="Clinic", state="Open")
    add(con, "dm", subjid="1001", siteid="07")
    derive_subjects(con)
    assert sorted((row["query_id"], row["siteid"]) for row in rows(con, "queries")) == [("1", "07"), ("2", "Clinic")]


def test_queries_make_no_subject_and_no_item(con):
    add(con, "edc_queries", subjid="1001", state="Open")
    assert rows(con, "subjects") == []
    assert "edc_queries" not in standard.domains()
