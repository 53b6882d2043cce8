"""Clean subjects and the lock checklist: what blocks, whose action it is, and what people may attest or waive."""

from __future__ import annotations

import re

import pytest
from test_lock import PEOPLE, arrive, word  # noqa: F401

from cdmlib import checks, journal, lock, mart, readiness, standard, tables
from cdmlib import study as studies
from cdmlib.errors import CdmError
from cdmlib.mart import Work

AS_OF = "2024-03-25"
TOML = """[study]
id = "abc"
title = "A study"
[sources.edc]
layout = "csv"
{}"""
FINDINGS = checks.FINDINGS + ", status VARCHAR, gone_on VARCHAR, review_status VARCHAR, review_outdated BOOLEAN"


class Snapshot:
    id = "2024-03-25-abcdefabcdef"


@pytest.fixture
def work(data):
    """Three subjects with nothing wrong, every source given, in memory."""
    (data / "abc").mkdir()
    people = "".join(f'[[people]]\nid = "{i}"\nname = "{i.title()} Example"\nrole = "{role}"\n' for i, role in PEOPLE.items())
    (data / "abc" / "study.toml").write_text(TOML.format(people), encoding="utf-8")
    con = standard.empty_database()
    con.execute(f"CREATE TABLE findings ({FINDINGS})")
    con.execute(f"CREATE TABLE check_runs ({checks.CHECK_RUNS})")
    con.execute("CREATE OR REPLACE TABLE coding (siteid VARCHAR, subjid VARCHAR, record_key VARCHAR, verbatim VARCHAR, status VARCHAR)")
    con.execute(
        "CREATE OR REPLACE TABLE reconciliation (recon VARCHAR, subjid VARCHAR, siteid VARCHAR, visit VARCHAR, result VARCHAR, left_key VARCHAR, right_key VARCHAR, field VARCHAR, left_value VARCHAR, right_value VARCHAR, status VARCHAR)"
    )
    con.execute("CREATE OR REPLACE TABLE reconciliation_runs (recon VARCHAR, about VARCHAR, outcome VARCHAR, reason VARCHAR)")
    for recon, about in (("lab_header", "third party"), ("irt", "randomisation"), ("sae", "serious events")):
        insert(con, "reconciliation_runs", recon=recon, about=about, outcome="done")
    for subject in ("001", "002", "003"):
        insert(con, "subjects", record_key=subject, siteid="01", subjid=subject)
    return Work(studies.load("abc"), Snapshot, AS_OF, "run", data, con)


def insert(con, table, **values):
    con.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", list(values.values()))


def state(work, subject="001"):
    rows = work.con.execute("SELECT criterion, status, owner FROM readiness WHERE level = 'subject' AND subjid = ?", [subject]).fetchall()
    return {criterion: (status, owner) for criterion, status, owner in rows}


def line(work, number):
    return work.con.execute("SELECT status, numerator, denominator, blockers, owner FROM lock_checklist WHERE line = ?", [number]).fetchone()


def page(con, **values):
    insert(con, "pages", **{"record_key": "001|V1|AE", "siteid": "01", "subjid": "001", "visit": "V1", "form": "AE", "expected": "Y", "entered": "Y"} | values)


def query(con, **values):
    insert(con, "queries", **{"record_key": "q", "query_id": "Q1", "siteid": "01", "subjid": "001", "visit": "V1", "form": "AE", "field": "AETERM"} | values)


def finding(con, **values):
    insert(con, "findings", **{"finding_id": "f1", "check_id": "AE004", "title": "Starts after it ends", "severity": "major", "action": "query", "domain": "ae", "siteid": "01", "subjid": "001", "message": "wrong", "status": "new"} | values)


CASES = [  # what is planted for subject 001, the criterion it blocks, the line of the checklist, whose action it is
    (lambda c: insert(c, "visit_status", record_key="x", subjid="001", siteid="01", visit="V2", status="expected", planneddtc="2024-04-02"), "RD01", 2, "site"),
    (lambda c: insert(c, "visit_status", record_key="x", subjid="001", siteid="01", visit="V2", status="overdue", planneddtc="2024-03-02"), "RD02", 3, "site"),
    (lambda c: page(c, entered="N"), "RD03", 4, "site"),
    (lambda c: page(c, incomplete="Y"), "RD04", 5, "site"),
    (lambda c: query(c, status="open", waiting_days=30), "RD05", 6, "site"),
    (lambda c: query(c, status="answered", action_owner="DM", waiting_days=1), "RD06", 7, "DM"),
    (lambda c: query(c, status="answered", action_owner="CRA"), "RD06", 7, "CRA"),
    (lambda c: query(c, status="open", waiting_days=31), "RD07", 8, "site"),
    (lambda c: finding(c, check_id="IT001", domain="items"), "RD08", 9, "site"),
    (lambda c: page(c, verify_required="Y", verified="N"), "RD09", 10, "CRA"),
    (lambda c: insert(c, "reconciliation", recon="lab_header", subjid="001", siteid="01", result="mismatch", left_key="k", field="lbdtc"), "RD10", 13, "DM"),
    (lambda c: insert(c, "reconciliation", recon="irt", subjid="001", siteid="01", result="only left", left_key="k"), "RD11", 14, "DM"),
    (lambda c: insert(c, "edc_issues", record_key="i", subjid="001", kind="lab range", what="Ranges not entered"), "RD12", 15, "DM"),
    (lambda c: insert(c, "reconciliation", recon="sae", subjid="001", siteid="01", result="mismatch", left_key="k", field="onset"), "RD13", 16, "safety"),
    (lambda c: insert(c, "coding", subjid="001", record_key="AE|1", verbatim="hedache", status="uncoded"), "RD14", 17, "coder"),
    (lambda c: insert(c, "edc_issues", record_key="i", subjid="001", kind="deviation", state="PD proposed"), "RD15", 19, "CRA"),
    (lambda c: finding(c), "RD16", 20, "DM"),
    (lambda c: finding(c, review_status="Confirmed correct", review_outdated=True), "RD16", 20, "DM"),
    (lambda c: finding(c, review_status="Query raised"), "RD16", 20, "site"),
    (lambda c: finding(c, check_id="AE010", title="Same adverse event entered twice"), "RD18", 22, "site"),
    (lambda c: insert(c, "edc_issues", record_key="i", subjid="001", kind="inactivated", state="Inactivated"), "RD19", 23, "DM"),
    (lambda c: finding(c, check_id="DS003", title="No date"), "RD20", 24, "site"),
    (lambda c: finding(c, check_id="IE001"), "RD21", 25, "medical"),
    (lambda c: finding(c, check_id="SU002", title="Data after death"), "RD22", 26, "site"),
    (lambda c: page(c, sign_required="Y", signed="N", signature_broken="Y"), "RD23", 30, "investigator"),
    (lambda c: page(c, frozen="N"), "RD24", 31, "DM"),
    (lambda c: page(c, locked="N"), "RD25", 32, "DM"),
]


@pytest.mark.parametrize("plant, criterion, number, owner", CASES, ids=[f"{c[1]}-{n}" for n, c in enumerate(CASES)])
def test_each_criterion_blocks_the_subject_and_its_line_and_says_whose_action_it_is(work, plant, criterion, number, owner):
    plant(work.con)
    readiness.run(work)
    assert state(work)[criterion] == ("blocked", owner)
    assert state(work, "002")[criterion] == ("ready", None)
    status, numerator, denominator, blockers, owners = line(work, number)
    assert (status, numerator, denominator, blockers) == ("open", 2, 3, 1) and owner in owners
    clean = next(c for c in readiness.library() if c.id == criterion).header.get("clean") == "yes"
    assert state(work)["all"][0] == ("blocked" if clean or criterion == "RD07" else state(work)["all"][0])


NOT_BLOCKING = [
    ("RD02", lambda c: insert(c, "visit_status", record_key="x", subjid="001", visit="V2", status="missed")),
    ("RD03", lambda c: page(c, expected="N", entered="N")),
    ("RD05", lambda c: query(c, status="closed")),
    ("RD07", lambda c: query(c, status="open", waiting_days=30)),
    ("RD09", lambda c: page(c, verify_required="N", verified="N")),
    ("RD10", lambda c: insert(c, "reconciliation", recon="lab_header", subjid="001", result="mismatch", status="Confirmed correct")),
    ("RD14", lambda c: insert(c, "coding", subjid="001", record_key="AE|1", verbatim="Headache", status="autocoded")),
    ("RD15", lambda c: insert(c, "edc_issues", record_key="i", subjid="001", kind="deviation", state="PD Confirmed")),
    ("RD16", lambda c: finding(c, gone_on="2024-03-25", status="resolved")),
    ("RD16", lambda c: finding(c, review_status="Confirmed correct", review_outdated=False)),
    ("RD23", lambda c: page(c, sign_required="Y", signed="Y")),
]


@pytest.mark.parametrize("criterion, plant", NOT_BLOCKING, ids=[f"{c[0]}-{n}" for n, c in enumerate(NOT_BLOCKING)])
def test_what_is_in_order_does_not_block(work, criterion, plant):
    plant(work.con)
    readiness.run(work)
    assert state(work)[criterion] == ("ready", None)


def test_with_nothing_wrong_every_subject_is_clean_and_every_computed_line_done(work):
    said = readiness.run(work)
    assert set(said.outcome) == {"met"}
    assert {s: state(work, s)["all"][0] for s in ("001", "002", "003")} == dict.fromkeys(("001", "002", "003"), "ready")
    rows = work.con.execute("SELECT kind, status, count(*) FROM lock_checklist GROUP BY ALL ORDER BY ALL").fetchall()
    assert rows == [("attested", "open", 8), ("computed", "done", 25), ("signed", "open", 1)]


@pytest.mark.parametrize("table, blocked", [("queries", (6, 7, 8)), ("reconciliation", (13, 14, 16)), ("coding", (17,)), ("pages", (4, 5, 10, 30, 31, 32))])
def test_a_source_that_is_missing_is_not_run_blocks_and_no_subject_is_clean(work, table, blocked):
    work.con.execute(f"DROP TABLE {table}")
    readiness.run(work)
    for number in blocked:
        assert line(work, number)[0] == "not run"
    assert state(work)["all"] == ("not run", None)
    reason = work.con.execute("SELECT evidence FROM lock_checklist WHERE line = ?", [blocked[0]]).fetchone()[0]
    assert "not run: " in reason and table in reason


KINDS = [("RD10", "lab_header", "third-party data"), ("RD11", "irt", "the randomisation system"), ("RD13", "sae", "the safety database")]


@pytest.mark.parametrize("criterion, recon, what", KINDS)
def test_a_reconciliation_that_is_not_declared_is_not_run_and_never_met(work, criterion, recon, what):
    work.con.execute("DELETE FROM reconciliation_runs WHERE recon = ?", [recon])
    readiness.run(work)
    assert state(work)[criterion][0] == "not run" and state(work)["all"][0] == "not run"
    assert work.con.execute("SELECT reason FROM criteria WHERE criterion = ?", [criterion]).fetchone() == (f"study.toml declares no reconciliation with {what}",)


def test_a_reconciliation_counts_for_what_it_is_about_whatever_its_name(work):
    work.con.execute("UPDATE reconciliation_runs SET recon = 'irt_vendor' WHERE recon = 'sae'")
    insert(work.con, "reconciliation", recon="irt_vendor", subjid="001", siteid="01", result="only left", left_key="k")
    readiness.run(work)
    assert (state(work)["RD13"][0], state(work)["RD11"][0]) == ("blocked", "ready")


@pytest.mark.parametrize("criterion, recon, what", KINDS)
def test_a_reconciliation_that_was_not_run_says_why_and_is_not_met(work, criterion, recon, what):
    work.con.execute("UPDATE reconciliation_runs SET outcome = 'not run', reason = 'table x is not collected' WHERE recon = ?", [recon])
    readiness.run(work)
    assert state(work)[criterion][0] == "not run"
    assert work.con.execute("SELECT reason FROM criteria WHERE criterion = ?", [criterion]).fetchone() == (f"{recon} not run: table x is not collected",)


@pytest.mark.parametrize("criterion, kind", [("RD12", "lab range"), ("RD15", "deviation"), ("RD19", "inactivated")])
def test_a_listing_of_issues_that_the_study_does_not_map_is_not_run_and_never_met(work, data, criterion, kind):
    (data / "abc" / "tables").mkdir()
    others = " UNION ALL ".join(f"SELECT '{other}' AS kind" for other in ("lab range", "deviation", "inactivated") if other != kind)
    (data / "abc" / "tables" / "edc_issues.sql").write_text(others, encoding="utf-8")
    readiness.run(work)
    found = {c: state(work)[c][0] for c in ("RD12", "RD15", "RD19")}
    assert found == {"RD12": "ready", "RD15": "ready", "RD19": "ready"} | {criterion: "not run"}


def test_a_check_that_was_not_run_blocks_unless_it_is_switched_off_with_a_reason(work):
    insert(work.con, "check_runs", check_id="LB001", outcome="not run", reason="table lb is not collected")
    insert(work.con, "check_runs", check_id="VS003", outcome="not run", reason="switched off in study.toml: weight once only")
    insert(work.con, "check_runs", check_id="VS004", outcome="error", reason="a mistake")
    readiness.run(work)
    assert line(work, 21)[:4] == ("open", 3, 3, 2)


def test_a_criterion_that_is_switched_off_is_shown_with_its_reason(work, data):
    path = data / "abc" / "study.toml"
    path.write_text(path.read_text(encoding="utf-8") + '\n[readiness]\nversion = "2"\n[readiness.off]\nRD14 = "nothing is coded in this study"\n', encoding="utf-8")
    work = Work(studies.load("abc"), *[getattr(work, n) for n in ("snapshot", "as_of", "run", "folder", "con")])
    work.con.execute("DROP TABLE coding")
    readiness.run(work)
    assert line(work, 17)[0] == "done" and state(work)["all"][0] == "ready"
    evidence = work.con.execute("SELECT evidence FROM lock_checklist WHERE line = 17").fetchone()[0]
    assert evidence == "RD14 switched off in study.toml: nothing is coded in this study"
    assert work.con.execute("SELECT DISTINCT version FROM readiness").fetchall() == [("2",)]


def test_an_unknown_criterion_in_study_toml_is_refused_by_name(work, data):
    path = data / "abc" / "study.toml"
    path.write_text(path.read_text(encoding="utf-8") + '\n[readiness]\nclean = ["RD05", "RD99"]\n', encoding="utf-8")
    work = Work(studies.load("abc"), *[getattr(work, n) for n in ("snapshot", "as_of", "run", "folder", "con")])
    with pytest.raises(CdmError, match="readiness: there is no criterion RD99; there are RD01"):
        readiness.run(work)


def test_a_study_says_itself_what_a_clean_subject_is(work, data):
    path = data / "abc" / "study.toml"
    path.write_text(path.read_text(encoding="utf-8") + '\n[readiness]\nclean = ["RD05"]\n', encoding="utf-8")
    work = Work(studies.load("abc"), *[getattr(work, n) for n in ("snapshot", "as_of", "run", "folder", "con")])
    finding(work.con)
    readiness.run(work)
    assert state(work)["all"][0] == "ready" and state(work)["RD16"][0] == "blocked"


@pytest.mark.parametrize("until, expected", [("2024-03-24", "blocked"), ("2024-03-25", "waived"), ("2025-01-01", "waived")])
def test_a_waiver_holds_up_to_and_including_its_date(work, until, expected):
    query(work.con, status="open")
    journal.append(work.study, "lena", "lead", [journal.Act("waive", "RD05|001", "until", "", until, "site closed")])
    readiness.run(work)
    assert state(work)["RD05"][0] == expected
    assert state(work)["all"][0] == ("ready" if expected == "waived" else "blocked")
    assert line(work, 6)[0] == ("done" if expected == "waived" else "open")


def test_visits_and_pages_that_block_are_listed_on_their_level(work):
    query(work.con, status="open")
    insert(work.con, "visit_status", record_key="x", subjid="002", siteid="01", visit="V2", status="overdue")
    readiness.run(work)
    rows = work.con.execute("SELECT level, subjid, visit, form, criterion FROM readiness WHERE level <> 'subject' ORDER BY ALL").fetchall()
    assert rows == [("page", "001", "V1", "AE", "RD05"), ("visit", "002", "V2", None, "RD02")]


def test_every_line_of_the_checklist_is_computed_by_a_criterion_or_attested_by_somebody():
    computed = {int(n) for criterion in readiness.library() for n in criterion.header["lines"].split()}
    assert [line.number for line in readiness.lines()] == list(range(1, 35))
    assert {line.number for line in readiness.lines() if line.kind == "computed"} == computed
    assert all(line.roles for line in readiness.lines() if line.kind == "attested")


@pytest.mark.parametrize("due, expected", [("2024-03-24", True), ("2024-03-25", False), ("2024-03-26", False), ("2024-03", None), (None, None)])
def test_what_is_due_on_the_cut_off_date_is_not_overdue_yet(due, expected):
    assert standard.macros_only().execute("SELECT overdue(?, 0, ?)", [due, AS_OF]).fetchone()[0] is expected


# ── attesting, on published results ──


@pytest.fixture
def study(data):
    from test_lock import DM, DM_ROWS, VS, VS_ROWS, WEEK1
    from test_lock import TOML as SMALL

    folder = data / "abc"
    (folder / "tables").mkdir(parents=True)
    people = "".join(f'[[people]]\nid = "{i}"\nname = "{i.title()} Example"\nrole = "{role}"\n' for i, role in PEOPLE.items())
    (folder / "study.toml").write_text(SMALL.format(people), encoding="utf-8")
    (folder / "tables" / "dm.sql").write_text(DM, encoding="utf-8")
    (folder / "tables" / "vs.sql").write_text(VS, encoding="utf-8")
    study = studies.load("abc")
    arrive(study, WEEK1, DM_ROWS, VS_ROWS)
    publish(study, WEEK1)
    return study


def publish(study, cutoff):
    from cdmlib import findings

    lock.ingest(study, cutoff)
    work = mart.begin(study.id, cutoff)
    tables.build(work)
    checks.run(work)
    findings.follow(work)
    readiness.run(work)
    mart.publish(work)


def shown(study, number, on=""):
    row = readiness.checklist(study, on).set_index("line").loc[number]
    return row.status, row.evidence


def test_an_attestation_says_who_when_and_what_and_counts_at_once(study, monkeypatch):
    monkeypatch.setenv("CDM_USER", "mark")
    assert shown(study, 11) == ("open", "to be attested by a medical")
    readiness.attest(study, 11, "All listings and profiles reviewed up to the last visit")
    status, evidence = shown(study, 11)
    assert status == "attested"
    assert re.fullmatch(r"Mark Example \(medical\) on \d{4}-\d\d-\d\d: All listings and profiles reviewed up to the last visit", evidence)


@pytest.mark.parametrize(
    "person, number, meaning, why",
    [
        ("carl", 11, "reviewed", "Line 11, Medical review complete, is attested by a medical; carl is coder"),
        ("mark", 6, "reviewed", "Line 6, No open query, is computed and can't be attested"),
        ("mark", 34, "reviewed", "is signed and can't be attested"),
        ("mark", 35, "reviewed", "has lines 1 to 34; given 35"),
        ("mark", 11, " . ", "must say what it means"),
        ("zoe", 11, "reviewed", "'zoe' is not one of the people"),
    ],
)
def test_only_the_named_role_attests_only_what_is_attested(study, monkeypatch, person, number, meaning, why):
    monkeypatch.setenv("CDM_USER", person)
    with pytest.raises(CdmError, match=why):
        readiness.attest(study, number, meaning)


def test_an_attestation_about_data_is_outdated_by_new_data(study, monkeypatch):
    from test_lock import VS_ROWS, WEEK2

    monkeypatch.setenv("CDM_USER", "mark")
    readiness.attest(study, 11, "All profiles reviewed")
    monkeypatch.setenv("CDM_USER", "lena")
    readiness.attest(study, 1, "Told in the meeting of 4 March")
    arrive(study, WEEK2, vs=VS_ROWS.replace("70", "71"))
    publish(study, WEEK2)
    status, evidence = shown(study, 11)
    assert status == "open" and evidence.startswith("attested on earlier data (2024-03-04-")
    assert shown(study, 1)[0] == "attested"


def test_a_line_is_waived_by_a_lead_or_medical_with_a_reason_until_a_date(study, monkeypatch):
    monkeypatch.setenv("CDM_USER", "dora")
    with pytest.raises(CdmError, match="waive may be done by lead or medical; dora is data manager"):
        readiness.waive(study, "line 17", "2024-12-31", "coding is done by the sponsor")
    monkeypatch.setenv("CDM_USER", "lena")
    for what, until, reason, why in (
        ("line 34", "2024-12-31", "no time", "The sign-off can't be waived"),
        ("line 17", "31-DEC-2024", "no time", "must end on a date written YYYY-MM-DD"),
        ("line 17", "2024-12-31", " . ", "A reason must say why"),
        ("RD05 999", "2024-12-31", "no time", "no subject '999'"),
        ("RD99 001", "2024-12-31", "no time", "can't be waived: it must be"),
    ):
        with pytest.raises(CdmError, match=why):
            readiness.waive(study, what, until, reason)
    assert shown(study, 17)[0] == "not run"
    readiness.waive(study, "line 17", "2024-12-31", "coding is done by the sponsor")
    status, evidence = shown(study, 17)
    assert status == "waived" and evidence.startswith("waived until 2024-12-31 by Lena Example: coding is done by the sponsor")
    assert shown(study, 17, on="2025-01-01")[0] == "not run"
    assert any(text.startswith("line 17, ") for text in readiness.blocking(study, "soft", "2025-01-01"))
    assert not any(text.startswith("line 17, ") for text in readiness.blocking(study, "soft"))


def test_the_soft_lock_waits_for_data_lines_only_the_lock_for_all(study):
    soft, final = (" ".join(readiness.blocking(study, stage)) for stage in ("soft", "final"))
    assert "line 6, No open query: RD05 not run" in soft
    assert "line 33" not in soft and "line 33, Write access" in final
    assert "line 34" not in final
