"""EDC queries beside findings: what is matched, what goes out, what is remembered, what can be closed."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import openpyxl
import pytest
from click.testing import CliRunner

from cdmlib import (
    checks,
    cleaning,
    demo,
    findings,
    journal,
    mart,
    measures,
    queries,
    scaffold,
    snapshot,
    tables,
)
from cdmlib import study as studies
from cdmlib.cli import main
from cdmlib.errors import CdmError
from cdmlib.journal import Act

pytestmark = pytest.mark.requirement("R24")

RAVE = ["userid", "projectid", "project", "studyid", "environmentName", "subjectId", "StudySiteId", "Subject", "siteid", "Site", "SiteNumber", "SiteGroup", "instanceId", "InstanceName", "InstanceRepeatNumber", "folderid", "Folder", "FolderName", "FolderSeq", "TargetDays", "DataPageId", "DataPageName", "PageRepeatNumber", "RecordDate", "RecordId", "recordposition", "RecordActive", "SaveTs", "MinCreated", "MaxUpdated"]  # fmt: skip
AE = ("AETERM", "AESTDAT_RAW", "AEENDAT_RAW", "AEONGO")
LISTING = ("sitename", "subjectnameoridentifier", "folderinstancename", "ecrfpagename", "fieldname", "log", "id_", "markinggroup", "queryopenby", "querytext", "queryresponsetext", "querystatus", "queryopendate", "queryresponsedate", "queryresolveddate")  # fmt: skip
MONDAYS = ("2025-11-03", "2025-11-10", "2025-11-17")
EVENTS = [  # subject, row, term, start, end: the first begins after its end, the second has no start
    ("101-001", "1", "Headache", "05 MAR 2025", "01 MAR 2025"),
    ("101-001", "2", "Rash", "", "07 MAR 2025"),
    ("101-002", "1", "Headache", "05 MAR 2025", "01 MAR 2025"),
]
BACKWARDS = "AE Headache: start date 2025-03-05 is after end date 2025-03-01."


def text(header, rows, end=""):
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows([header, *rows])
    return out.getvalue() + end


def extract(folder, events, listing=None):
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for subject, row, term, start, end in events:
        keys = dict.fromkeys(RAVE, "") | {"Subject": subject, "SiteNumber": "101", "InstanceName": "Log", "FolderName": "Log", "DataPageName": "Adverse Events"}
        keys |= {"RecordId": f"{subject[-1]}{row}", "recordposition": row, "RecordActive": "1"}
        rows.append([*keys.values(), term, start, end, ""])
    (folder / "AE.csv").write_text(text([*RAVE, *AE], rows, "EOF\n"), encoding="utf-8")
    if listing is not None:
        (folder / "queries.csv").write_text(text(LISTING, listing), encoding="utf-8")


def query(id="7001", subject="101-001", row="1", field="AESTDAT", said="Please check.", status="Open", opened="2025-10-01", answered="", closed="", form="Adverse Events", visit="Log"):  # fmt: skip
    return ["101", subject, visit, form, field, row, id, "Site from DM", "A. Bee", said, "", status, opened, answered, closed]


def run(cutoff, workbook=False):
    snapshot.ingest(studies.load("trial"), cutoff, "a test")
    work = mart.begin("trial", cutoff)
    tables.build(work)
    checks.run(work)
    findings.follow(work)
    said = queries.match(work)
    measures.run(work)
    path = cleaning.write(work) if workbook else None
    mart.publish(work)
    return said, path


@pytest.fixture
def trial(data, tmp_path, monkeypatch):
    """Set up the study and run its weeks: trial(events, listing) for each Monday in turn."""
    monkeypatch.setenv("CDM_USER", "dm.one")
    weeks = iter(MONDAYS)

    def week(events=EVENTS, listing=()):
        cutoff = next(weeks)
        if cutoff == MONDAYS[0]:
            first = tmp_path / "first"
            extract(first, events, None if listing is None else [*listing, query("1", "101-009", field="AETERM", status="Closed", closed="2025-10-02")])
            scaffold.new("trial", first, cutoff)
        else:
            extract(data / "trial" / "incoming" / cutoff, events, listing)
        return run(cutoff, workbook=True)

    return week


def published(sql, *params):
    with mart.open_published(studies.load("trial")) as con:
        return con.execute(sql, params).fetchall()


def beside():
    """Which query is beside which finding: {(check, subject, row): query}."""
    rows = published("SELECT check_id, subjid, formrow, query_id FROM findings WHERE check_id IN ('AE002', 'AE004') AND query_id IS NOT NULL")
    return {row[:3]: row[3] for row in rows}


def asked(again=False):
    """What would be in the query upload file: {(check, subject, row)}."""
    study = studies.load("trial")
    with mart.open_published(study) as con:
        rows = queries.to_raise(con, study, again)
    return {(row.check_id, row.subject, row.row) for row in rows.itertuples() if row.check_id in ("AE002", "AE004")}


FIRST, SECOND, OTHER = ("AE004", "101-001", "1"), ("AE002", "101-001", "2"), ("AE004", "101-002", "1")


@pytest.mark.parametrize(
    ("given", "about", "because"),
    [
        ({}, {FIRST}, "on the field that the check is about first"),
        ({"field": "AEENDAT"}, {FIRST}, "on another field that the check is about"),
        ({"field": "aestdat", "row": "01"}, {FIRST}, "spelled otherwise"),
        ({"status": "Answered", "answered": "2025-10-02"}, {FIRST}, "answered: we must act, the site is not asked again"),
        ({"row": "2"}, {SECOND}, "on the other row"),
        ({"subject": "101-002"}, {OTHER}, "on another subject"),
        ({"field": "AETERM"}, set(), "on a field that the check is not about"),
        ({"field": "NOSUCH"}, set(), "on a field that nobody knows"),
        ({"row": "3"}, set(), "on a row that has no finding"),
        ({"row": ""}, set(), "the listing gives no row and the form has two"),
        ({"row": "", "said": BACKWARDS + " Please correct one of the dates, or confirm both."}, {FIRST}, "no row, but our own text"),
        ({"row": "", "subject": "101-002"}, {OTHER}, "no row, and the subject has only one"),
        ({"form": "Medical History"}, set(), "on another form"),
        ({"visit": "Week 1"}, set(), "at another visit"),
        ({"subject": "101-003"}, set(), "on a subject without data"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_query_stands_beside_the_findings_it_is_about_and_only_those_are_not_asked(trial, given, about, because):
    trial(listing=[query(**given)])
    assert beside() == dict.fromkeys(about, "7001"), because
    assert asked() == {FIRST, SECOND, OTHER} - about


@pytest.mark.parametrize(("status", "shown"), [("Closed", "closed"), ("Cancelled", "cancelled")])
def test_a_query_that_has_ended_is_shown_and_keeps_nothing_from_being_asked(trial, status, shown):
    trial(listing=[query(status=status, closed="2025-10-09")])
    assert beside() == {FIRST: "7001"} and asked() == {FIRST, SECOND, OTHER}
    assert published("SELECT query_status FROM findings WHERE query_id = '7001'") == [(shown,)]


def test_an_open_query_is_shown_before_one_that_has_ended(trial):
    trial(listing=[query("7001"), query("7002", status="Closed", opened="2025-10-20", closed="2025-10-21")])
    assert beside() == {FIRST: "7001"} and FIRST not in asked()


def upload(*options):
    done = CliRunner().invoke(main, ["queries", "trial", "upload", *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def files():
    folder = studies.load("trial").folder / "runs"
    return sorted(folder.glob("*/queries_to_raise_*.csv"))


def test_what_went_into_an_upload_file_is_remembered_and_not_exported_again(trial):
    trial(listing=[query()])
    assert "queries to raise" in upload()
    (path,) = files()
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
    row = next(row for row in rows if row["subject"] == "101-002" and row["field"] == "AESTDAT")
    assert [row[name] for name in ("site", "subject", "visit", "form", "row", "field")] == [
        "101", "101-002", "Log", "Adverse Events", "1", "AESTDAT",
    ]  # fmt: skip
    assert row["text"].startswith(BACKWARDS)
    study = studies.load("trial")
    acts = journal.read(study, act="query.exported")
    assert {act.subject: act.new for act in acts} == {row["finding_id"]: row["text"] for row in rows}
    assert {(act.actor, act.run) for act in acts} == {("dm.one", "2025-11-03-001")}
    assert "Nothing to raise" in upload() and files() == [path]
    trial(listing=[query()])  # the next week: not in the listing yet
    assert asked() == set() and asked(again=True) == {SECOND, OTHER}
    assert "Nothing to raise" in upload()
    upload("--again")
    assert [path.name for path in files()] == ["queries_to_raise_trial_2025-11-03.csv", "queries_to_raise_trial_2025-11-10.csv"]
    again = [act for act in journal.read(study, act="query.exported") if act.reason]
    assert {act.reason for act in again} == {"exported again"} and journal.verify(study).ok


def test_an_exported_text_is_recognised_in_the_edc_when_the_listing_gives_no_row(trial):
    trial()
    upload()
    sent = {row["finding_id"]: row["text"] for row in csv.DictReader(io.StringIO(files()[0].read_text(encoding="utf-8")))}
    (id_,) = published("SELECT finding_id FROM findings WHERE check_id = 'AE004' AND subjid = '101-001'")[0]
    changed = [("101-001", "1", "Headache", "06 MAR 2025", "01 MAR 2025"), *EVENTS[1:]]  # the finding reads otherwise now
    trial(changed, [query(row="", said=sent[id_])])
    assert beside() == {FIRST: "7001"}


@pytest.mark.parametrize(
    ("start", "asks", "because"),
    [
        ("05 MAR 2025", False, "the site has answered about these values: not asked twice"),
        ("06 MAR 2025", True, "it reads otherwise now"),
    ],
)
def test_an_exported_finding_whose_query_was_closed_is_asked_again_only_when_it_reads_otherwise(trial, start, asks, because):
    trial()
    upload()
    trial([("101-001", "1", "Headache", start, "01 MAR 2025"), *EVENTS[1:]], [query(status="Closed", closed="2025-11-09")])
    assert (FIRST in asked()) == asks, because


def test_a_finding_that_came_back_after_its_query_was_closed_is_asked_again(trial):
    trial()
    upload()
    ended = [query(status="Closed", opened="2025-11-04", closed="2025-11-09")]
    trial([("101-001", "1", "Headache", "28 FEB 2025", "01 MAR 2025"), *EVENTS[1:]], ended)
    assert FIRST not in asked()
    trial(EVENTS, ended)
    assert FIRST in asked()


@pytest.mark.parametrize(
    ("status", "asks"),
    [("Open", True), ("Query raised", False), ("Confirmed correct", False), ("Not an issue", False), ("Resolved", False), ("Waived", False)],
)
def test_what_a_reviewer_has_settled_is_not_asked(trial, status, asks):
    trial()
    study = studies.load("trial")
    id_, evidence = published("SELECT finding_id, CAST(evidence AS VARCHAR) FROM findings WHERE check_id = 'AE004' AND subjid = '101-001'")[0]
    journal.append(study, "dm.one", "data manager", [Act("review", id_, "status", "", status), Act("review", id_, "evidence", "", evidence)])
    trial()
    assert (FIRST in asked()) == asks
    trial([("101-001", "1", "Headache", "06 MAR 2025", "01 MAR 2025"), *EVENTS[1:]])
    assert FIRST in asked(), "a value has changed since the review"


def test_queries_of_resolved_findings_come_up_for_closing_unless_opened_later(trial):
    trial(listing=[query("7001"), query("7002", row="2", status="Answered", answered="2025-10-02"), query("7003", "101-002", status="Closed", closed="2025-10-02")])  # fmt: skip
    assert to_close() == set()
    right = [("101-001", "1", "Headache", "01 MAR 2025", "01 MAR 2025"), ("101-001", "2", "Rash", "06 MAR 2025", "07 MAR 2025"), ("101-002", "1", "Headache", "01 MAR 2025", "01 MAR 2025")]  # fmt: skip
    trial(right, [query("7001"), query("7002", row="2", status="Answered", answered="2025-10-02"), query("7003", "101-002", status="Closed", closed="2025-10-02")])  # fmt: skip
    assert to_close() == {"7001", "7002"}
    shown = CliRunner().invoke(main, ["queries", "trial", "close"], catch_exceptions=False).output
    assert "7001 open" in shown and "7002 answered" in shown and "2 to close" in shown
    trial(right, [query("7001", status="Closed", closed="2025-11-12"), query("7009", opened="2025-11-14")])
    assert to_close() == set(), "opened after the finding had gone, so about something else"


def to_close():
    study = studies.load("trial")
    with mart.open_published(study) as con:
        return set(queries.to_close(con, study).query_id)


def test_a_field_is_asked_one_thing_at_a_time(trial):
    """Two checks that go to one field of one row make one query, and an open query on that field serves both."""
    event = [("101-001", "1", "Headache", "06 MAR 2030", "01 MAR 2025")]  # after its end, and in the future
    trial(event, [])
    study = studies.load("trial")
    with mart.open_published(study) as con:
        rows = [row for row in queries.to_raise(con, study).itertuples() if row.field == "AESTDAT"]
    (row,) = rows
    there = {check for (check,) in published("SELECT check_id FROM findings WHERE check_id IN ('AE004', 'IT002')")}
    assert there == {"AE004", "IT002"} and {row.check_id, *row.also_serves.split(", ")} >= there
    trial(event, [query()])
    assert published("SELECT DISTINCT query_id FROM findings WHERE check_id IN ('AE004', 'IT002')") == [("7001",)]


def sheet(path, name):
    page = openpyxl.load_workbook(path)[name]
    head = [str(cell.value).rsplit("\n", 1)[-1] for cell in page[3] if cell.value]
    return head, [dict(zip(head, row, strict=False)) for row in page.iter_rows(min_row=4, values_only=True)]


def test_the_workbook_shows_the_query_beside_each_finding_and_what_to_raise_and_close(trial):
    _, path = trial(listing=[query()])
    _, rows = sheet(path, "AE004")
    assert [(row["subjid"], row["query_id"], row["query_status"], row["query_text"]) for row in rows] == [
        ("101-001", "7001", "open", "Please check."), ("101-002", None, None, None),
    ]  # fmt: skip
    _, rows = sheet(path, "Since last week")
    assert {row["query_id"] for row in rows if row["check_id"] == "AE004"} == {"7001", None}
    _, rows = sheet(path, "Queries to raise")
    assert {(r["check_id"], r["subject"], r["row"]) for r in rows if r["check_id"] in ("AE002", "AE004")} == {SECOND, OTHER}
    upload()
    _, path = trial(listing=[query()])
    page = openpyxl.load_workbook(path)["Queries to raise"]
    assert "0 to raise" in page["B1"].value and "went out before" in page["B1"].value
    _, rows = sheet(path, "Queries to raise")
    assert all(row["exported_on"] for row in rows) and sheet(path, "Queries to close")[0][0] == "query_id"


def test_a_study_without_a_query_listing_says_so_and_can_still_raise_queries(trial):
    said, path = trial(listing=None)
    assert list(said.status) == ["not run: no query listing"]
    head, rows = sheet(path, "AE004")
    assert "query_id" not in head and len(rows) == 2
    book = openpyxl.load_workbook(path)
    assert "Queries to close" not in book.sheetnames
    assert any("no query listing" in str(cell.value) for row in book["Contents"].iter_rows() for cell in row if cell.value)
    assert asked() == {FIRST, SECOND, OTHER}
    assert "queries to raise" in upload() and asked() == set()
    assert {reason for (reason,) in published("SELECT DISTINCT not_run FROM measure_runs WHERE metric LIKE 'QU%'")} == {"no query listing"}
    refused = CliRunner().invoke(main, ["queries", "trial", "close"])
    assert refused.exit_code == 1 and "no query listing" in refused.output


def test_when_the_journal_cant_be_written_there_is_no_file_and_nothing_counts_as_exported(trial, monkeypatch):
    trial()
    study = studies.load("trial")

    def refuse(*args, **kwargs):
        raise CdmError("the journal can't be written to")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "append", refuse)
        with pytest.raises(CdmError, match="can't be written"):
            queries.upload(study)
    assert not files() and not list(Path(study.folder / "runs").glob("*/.queries*"))
    assert asked() == {FIRST, SECOND, OTHER}


# ── the demo's four weeks against its answer key ────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def weeks(tmp_path_factory):
    """The demo's four weeks; at the end of each its query upload file is written: (study, {cut-off: rows of the file})."""
    data, sent = tmp_path_factory.mktemp("demo"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDM_DATA", str(data))
        patch.setenv("CDM_USER", "dm.one")
        demo.create(data / "demo")
        study = studies.load("demo")
        for cutoff in demo.CUT_OFFS:
            snapshot.ingest(study, cutoff)
            work = mart.begin("demo", cutoff)
            tables.build(work)
            checks.run(work)
            findings.follow(work)
            queries.match(work)
            mart.publish(work)
            path, _ = queries.upload(study)
            sent[cutoff] = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        yield study, sent


def of_week(study, cutoff):
    with mart.open_run(study, f"{cutoff}-001") as con:
        found = con.execute("SELECT finding_id, check_id, record_key, status, action, query_id, query_status FROM findings").fetchall()
        return found, dict(con.execute("SELECT query_id, status FROM queries").fetchall()), set(queries.to_close(con, study).query_id)


@pytest.mark.parametrize("cutoff", demo.CUT_OFFS)
def test_each_planted_query_stands_beside_its_planted_finding_and_no_other_query_beside_any(weeks, cutoff):
    study, _ = weeks
    found, listing, _ = of_week(study, cutoff)
    shown = {(check, key, query_id) for _, check, key, _, _, query_id, _ in found if query_id}
    there = {(check, key) for _, check, key, *_ in found}
    planted, allowed = set(), set()
    for row in demo.read_answer_key(study.folder):
        if row["query_id"] in listing:
            also = [tuple(item.split(":", 1)) for item in row["also_expected"].split(";") if item]
            allowed |= {(check, key, row["query_id"]) for check, key in also}
            if (row["check_id"], row["record_key"]) in there:
                planted.add((row["check_id"], row["record_key"], row["query_id"]))
    assert len(planted) > 50
    assert planted - shown == set(), "recall"
    assert shown - planted - allowed == set(), "precision"


@pytest.mark.parametrize("cutoff", demo.CUT_OFFS)
def test_no_finding_with_an_open_query_goes_out_and_none_goes_out_twice(weeks, cutoff):
    study, sent = weeks
    found, _, _ = of_week(study, cutoff)
    out = {row["finding_id"] for row in sent[cutoff]}
    assert out and not {id_ for id_, *_, status in found if status in ("open", "answered")} & out
    assert out <= {id_ for id_, _, _, status, action, _, _ in found if action == "query" and status not in findings.GONE}
    earlier = {row["finding_id"] for week, rows in sent.items() if week < cutoff for row in rows}
    assert not out & earlier


@pytest.mark.parametrize("cutoff", demo.CUT_OFFS)
def test_the_open_queries_of_errors_that_were_put_right_are_listed_for_closing_and_no_others(weeks, cutoff):
    study, _ = weeks
    _, listing, close = of_week(study, cutoff)
    right = {
        row["query_id"]
        for row in demo.read_answer_key(study.folder)
        if listing.get(row["query_id"]) in ("open", "answered") and row["last_week"] and row["last_week"] < cutoff
    }
    assert close == right
    assert bool(right) == (cutoff != demo.CUT_OFFS[0])
