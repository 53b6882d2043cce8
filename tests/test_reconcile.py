"""Reconciliations: what is paired, what differs, what is offered, and what a declaration must say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cdmlib import checks, findings, journal, mart, reconcile, scaffold, snapshot, tables
from cdmlib import study as studies
from cdmlib.cli import main
from cdmlib.errors import CdmError
from cdmlib.journal import Act

AE = "Subject,SiteNumber,RecordId,AETERM,AESTDAT,AEENDAT,AESER,AESHOSP,AEOUT"
SAFETY = "case_number,case_version,event_number,subject,term,onset,ended,serious,hosp,outcome,status"
AE_SQL = """/*
title: Adverse events
from:  edc.AE
*/
SELECT 'AE|' || RecordId AS record_key, SiteNumber AS siteid, Subject AS subjid, source, dataset, source_row, AETERM AS aeterm, AESTDAT AS aestdat,
       iso_date(AESTDAT) AS aestdtc, AEENDAT AS aeendat, iso_date(AEENDAT) AS aeendtc, AESER AS aeser, AESHOSP AS aeshosp, AEOUT AS aeout
FROM   edc.AE
"""
SAFETY_SQL = """/*
title: Safety listing
from:  safety.SAFETY
*/
SELECT 'CASE|' || case_number || '|' || case_version || '|' || event_number AS record_key, NULL AS siteid, subject AS subjid, source, dataset, source_row, case_number,
       case_version, event_number, status AS case_status, term, onset, iso_date(onset) AS onset_on, ended, iso_date(ended) AS ended_on,
       serious, hosp AS hospitalisation, outcome
FROM   safety.SAFETY
"""
TOML = """[study]
id = "trial"
title = "A trial"

[sources.edc]
layout = "csv"
files = ["ae.csv", "lb.csv"]

[sources.safety]
layout = "csv"
files = ["safety.csv", "lbx.csv"]

[reconciliations.sae]
use = "sae"
"""


def trial(data: Path, ae: list[str], safety: list[str], toml: str = TOML, week: str = "2024-03-04") -> studies.Study:
    """A study of adverse events and a safety listing; called again for another week it only adds that week."""
    folder = data / "trial"
    (folder / "incoming" / week).mkdir(parents=True)
    (folder / "incoming" / week / "ae.csv").write_text("\n".join([AE, *ae, ""]), encoding="utf-8")
    (folder / "incoming" / week / "safety.csv").write_text("\n".join([SAFETY, *safety, ""]), encoding="utf-8")
    (folder / "tables").mkdir(exist_ok=True)
    (folder / "tables" / "ae.sql").write_text(AE_SQL, encoding="utf-8")
    (folder / "tables" / "safety.sql").write_text(SAFETY_SQL, encoding="utf-8")
    (folder / "study.toml").write_text(toml, encoding="utf-8")
    study = studies.load("trial")
    snapshot.ingest(study, week, "expected in this test")
    return study


def reconciled(study: studies.Study) -> list[dict]:
    """The rows of the table reconciliation after a build on the newest snapshot."""
    with mart.scratch(study.id) as work:
        tables.build(work)
        reconcile.build(work)
        return work.con.execute("SELECT * FROM reconciliation ORDER BY record_key").df().to_dict("records")


def said(rows: list[dict], *columns: str) -> list[tuple]:
    return [tuple(None if row[c] != row[c] else row[c] for c in columns) for row in rows]


def runs(study: studies.Study) -> list[dict]:
    with mart.scratch(study.id) as work:
        tables.build(work)
        return reconcile.build(work).to_dict("records")


STROKE = "101,01,1,Stroke,2024-01-10,2024-01-20,Y,Y,RECOVERED/RESOLVED"


@pytest.mark.parametrize(
    ("ae", "safety", "expected"),
    [
        ([STROKE], ["C1,1,1,101,Stroke,2024-01-10,2024-01-20,Y,Y,recovered,"], [("matched", None, None, None)]),
        ([STROKE], ["C1,1,1,101,STROKE.,2024-01-10,2024-01-20,Yes,Y,Resolved,"], [("matched", None, None, None)]),
        (
            [STROKE],
            ["C1,1,1,101,Stroke,2024-01-12,2024-01-20,Y,Y,recovered,"],
            [("mismatch", "onset", "2024-01-10", "2024-01-12")],
        ),
        (
            [STROKE],
            ["C1,1,1,101,Stroke,2024-01,2024-01-20,Y,Y,recovered,"],  # a partial date is not identical with a full one
            [("mismatch", "onset", "2024-01-10", "2024-01")],
        ),
        (
            [STROKE],
            ["C1,1,1,101,Stroke,2024-01-10,2024-01,Y,Y,recovered,"],  # the end must only be consistent
            [("matched", None, None, None)],
        ),
        (
            [STROKE],
            ["C1,1,1,101,Stroke,2024-01-10,24:00,Y,N,fatal,"],
            [
                ("mismatch", "ended", "2024-01-20", "24:00 (not a date)"),
                ("mismatch", "hospitalisation", "Y", "N"),
                ("mismatch", "outcome", "RECOVERED/RESOLVED", "fatal"),
            ],
        ),
        (
            ["101,01,1,Stroke,2024-01-10,,N,N,RECOVERED/RESOLVED"],  # serious for the safety database only
            ["C1,1,1,101,Stroke,2024-01-10,,Y,N,recovered,"],
            [("mismatch", "serious", "N", "Y")],
        ),
        ([STROKE], ["C1,1,1,102,Stroke,2024-01-10,2024-01-20,Y,Y,recovered,"], "unknown"),
        (["101,01,1,Rash,2024-01-10,,N,N,"], [], []),  # not serious: needs no case
        (
            [STROKE],
            ["C1,1,1,101,Hip fracture,2023-05-01,,Y,Y,recovered,"],
            [
                ("only left", None, "Event Stroke; Onset 2024-01-10; Serious Y; Hospitalisation Y; Outcome RECOVERED/RESOLVED; End 2024-01-20", None),
                ("only right", None, None, "Event Hip fracture; Onset 2023-05-01; Serious Y; Hospitalisation Y; Outcome recovered"),
            ],
        ),
    ],
)  # fmt: skip
def test_serious_events_agree_differ_or_stand_on_one_side(data, ae, safety, expected):
    toml = (
        TOML
        + "[reconciliations.sae.fields]\n"
        + "".join(f'{name}.must = "nothing"\n' for name in ("causality", "action_taken", "severity"))
    )
    with_cases = safety or ["C9,1,1,101,Rash,2024-01-10,,N,N,,nullified"]
    if expected == "unknown":
        rows = reconciled(trial(data, ae, with_cases, toml))
        assert said(rows, "result", "right_value") == [
            ("unknown subject", "102 (1 record)"),
            ("only left", None),
        ] or said(rows, "result", "right_value") == [("only left", None), ("unknown subject", "102 (1 record)")]
        return
    rows = reconciled(trial(data, ae, with_cases, toml))
    assert said(rows, "result", "field", "left_value", "right_value") == expected


def test_two_events_that_fit_one_case_are_offered_and_neither_is_taken(data):
    ae = ["101,01,1,Fall,2024-01-10,,Y,Y,", "101,01,2,Fall,2024-01-11,,Y,Y,"]
    rows = reconciled(trial(data, ae, ["C1,1,1,101,Fall,2024-01,,Y,Y,,"]))
    assert said(rows, "result", "left_key", "right_key") == [
        ("ambiguous", "AE|1", "CASE|C1|1"),
        ("ambiguous", "AE|2", "CASE|C1|1"),
    ]
    assert "event" in rows[0]["matched_on"] and "onset 0.80" in rows[0]["matched_on"]


def test_two_events_and_two_cases_of_one_term_are_paired_by_their_dates(data):
    ae = ["101,01,1,Fall,2024-01-10,,Y,Y,", "101,01,2,Fall,2024-02-20,,Y,Y,"]
    rows = reconciled(trial(data, ae, ["C1,1,1,101,Fall,2024-02-20,,Y,Y,,", "C2,1,1,101,Fall,2024-01-10,,Y,Y,,"]))
    assert said(rows, "result", "left_key", "right_key") == [
        ("matched", "AE|1", "CASE|C2|1"),
        ("matched", "AE|2", "CASE|C1|1"),
    ]


def test_another_word_for_the_same_day_is_offered_not_paired(data):
    rows = reconciled(trial(data, [STROKE], ["C1,1,1,101,Cerebral infarction,2024-01-10,,Y,Y,,"]))
    assert said(rows, "result") == [("ambiguous",)]


def test_only_the_latest_version_of_a_case_counts_and_ten_is_more_than_nine(data):
    safety = [
        "C1,9,1,101,Stroke,2024-01-05,2024-01-20,Y,Y,recovered,",
        "C1,10,1,101,Stroke,2024-01-10,2024-01-20,Y,Y,recovered,",
        "C1,9,2,101,Hip fracture,2023-01-05,,Y,Y,,",  # taken out in version 10
    ]
    assert said(reconciled(trial(data, [STROKE], safety)), "result", "right_key") == [("matched", "CASE|C1|1")]


def test_subject_numbers_meet_without_zeros_and_prefix_and_a_collision_is_a_finding(data):
    toml = TOML + '[reconciliations.sae.subjects]\ndrop = "^TR-"\n'
    safety = ["C1,1,1,TR-0101,Stroke,2024-01-10,2024-01-20,Y,Y,recovered,"]
    assert said(reconciled(trial(data, [STROKE], safety, toml)), "result", "subjid") == [("matched", "101")]
    ae = [STROKE, "0101,01,2,Rash,2024-01-01,,N,N,", "102,01,3,Fall,2024-01-01,,Y,Y,"]
    trial(data, ae, [*safety, "C2,1,1,102,Fall,2024-01-01,,Y,Y,,"], toml, "2024-03-11")
    rows = reconciled(studies.load("trial"))
    assert said(rows, "result", "left_value", "right_value") == [
        ("matched", None, None),
        ("collision", "0101, 101", "TR-0101"),
    ]


def test_an_empty_listing_leaves_every_serious_event_without_a_case(data):
    assert said(reconciled(trial(data, [STROKE], [])), "result") == [("only left",)]


def test_a_source_that_is_not_collected_is_not_run_and_says_so(data):
    study = trial(data, [STROKE], [])
    (study.folder / "tables" / "safety.sql").unlink()
    done = runs(study)
    assert [(row["outcome"], row["reason"]) for row in done] == [("not run", "table safety is not collected")]
    with mart.scratch("trial") as work:
        tables.build(work)
        reconcile.build(work)
        ran = checks.run(work, ["RC007"])
    assert ran.outcome.tolist() == ["findings"]


def test_a_field_that_is_not_collected_is_named(data):
    done = runs(trial(data, [STROKE], ["C1,1,1,101,Stroke,2024-01-10,2024-01-20,Y,Y,recovered,"]))
    assert done[0]["outcome"] == "done"
    assert "Causality (investigator) is not compared: ae.aerel, safety.causality is not collected" in done[0]["reason"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('use = "sea"', r"line 14: reconciliations.sae.use: there is no ready-made reconciliation 'sea'; there are .*sae"),
        ('use = "sae"\npair_att = 0.5', r"line 15: reconciliations.sae.pair_att is not a key here; did you mean pair_at\?"),
        ('use = "sae"\n[reconciliations.sae.fields.onset]\ntolerence = 2', r"line 16: reconciliations.sae.fields.onset.tolerence is not a key here; did you mean tolerance\?"),
        ('use = "sae"\n[reconciliations.sae.fields.onset]\nleft = "aestartdtc"', r"line 16: reconciliations.sae.fields.onset.left: aestartdtc is not a column of ae"),
        ('use = "sae"\n[reconciliations.sae.right]\ntable = "argus"', r"line 16: reconciliations.sae.right.table: 'argus' is neither a standard table"),
        ('use = "sae"\n[reconciliations.sae.left]\nexpected = "aeser = "', r"line 16: reconciliations.sae.left.expected: 'aeser = ' can't be read as SQL"),
        ('title = "Mine"', r"line 13: reconciliations.sae:\n.*left.table .* is missing"),
        ('use = "sae"\nmargin = 2', r"line 15: reconciliations.sae.margin"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_declaration_is_named_with_its_line(data, lines, message):
    toml = TOML.replace('use = "sae"', lines)
    with pytest.raises(CdmError, match=message):
        reconciled(trial(data, [STROKE], [], toml))


def test_a_dataset_of_a_source_can_be_a_side_without_a_table_file(data):
    toml = TOML.replace(
        'use = "sae"',
        """title = "Events by date"
[reconciliations.sae.left]
table = "ae"
label = "EDC"
[reconciliations.sae.right]
table = "safety.SAFETY"
label = "Listing"
subject = "subject"
[reconciliations.sae.fields.onset]
left = "aestdtc"
right = "onset"
kind = "date"
pair = "key"
[reconciliations.sae.fields.term]
left = "aeterm"
right = "term"
must = "identical"
""",
    )
    rows = reconciled(trial(data, [STROKE], ["C1,1,1,101,Strokes,10 JAN 2024,,Y,Y,,"], toml))
    assert said(rows, "result", "field", "left_value", "right_value") == [("mismatch", "term", "Stroke", "Strokes")]


# ── laboratory ──────────────────────────────────────────────────────────────────────────────────────────────────

LB_SQL = """/*
title: Laboratory
from:  edc.LB
*/
SELECT 'LB|' || id AS record_key, '01' AS siteid, subject AS subjid, visit, source, dataset, source_row, test AS lbtestcd, test AS lbtest, res AS lborres, num(res) AS lborresn,
       unit AS lborresu, NULL AS lbstresn, NULL AS lbstresu, day AS lbdat, iso_date(day) AS lbdtc, clock AS lbtim
FROM   edc.LB
"""
LBX_SQL = """/*
title: Central laboratory
from:  safety.LBX
*/
SELECT 'X|' || id AS record_key, NULL AS siteid, subject AS subjid, visit, source, dataset, source_row, acc AS accession, test AS testcd, res AS result, num(res) AS result_number,
       unit, day AS collected, iso_date(day) AS collected_on, clock AS collected_time
FROM   safety.LBX
"""


def laboratory(data: Path, lb: list[str], lbx: list[str], use: str) -> list[dict]:
    folder = data / "trial"
    (folder / "incoming" / "2024-03-04").mkdir(parents=True)
    (folder / "incoming" / "2024-03-04" / "lb.csv").write_text(
        "\n".join(["id,subject,visit,test,res,unit,day,clock", *lb, ""]), encoding="utf-8"
    )
    (folder / "incoming" / "2024-03-04" / "lbx.csv").write_text(
        "\n".join(["id,acc,subject,visit,test,res,unit,day,clock", *lbx, ""]), encoding="utf-8"
    )
    (folder / "tables").mkdir()
    (folder / "tables" / "lb.sql").write_text(LB_SQL, encoding="utf-8")
    (folder / "tables" / "lbx.sql").write_text(LBX_SQL, encoding="utf-8")
    (folder / "study.toml").write_text(TOML.replace("sae", use), encoding="utf-8")
    snapshot.ingest(studies.load("trial"), "2024-03-04")
    return reconciled(studies.load("trial"))


@pytest.mark.parametrize(
    ("edc", "vendor", "expected"),
    [
        ("4.1,mmol/L", "4.1,mmol/L", [("matched", None, None, None)]),
        ("4.1,mmol/L", "4.10,mmol/L", [("matched", None, None, None)]),
        ("4.1,mmol/L", "4.1,mEq/L", [("matched", None, None, None)]),  # one mEq/L of potassium is one mmol/L
        ("4.1,mmol/L", "5.1,mEq/L", [("mismatch", "result", "4.1 mmol/L", "5.1 mEq/L")]),
        ("4.1,mmol/L", "4.1,mg/dL", [("mismatch", "result_unit", "mmol/L", "mg/dL")]),  # nobody said how to convert
        ("4.1,mmol/L", "4.1,", [("mismatch", "result_unit", "mmol/L", None)]),
        ("<0.5,mmol/L", "<0.5,mmol/L", [("matched", None, None, None)]),
        ("<0.5,mmol/L", "0.5,mmol/L", [("mismatch", "result", "<0.5 mmol/L", "0.5 mmol/L")]),
        ("4.1,mmol/L", "haemolysed,mmol/L", [("mismatch", "result", "4.1 mmol/L", "haemolysed mmol/L")]),
    ],
)
def test_results_are_compared_in_one_unit_or_their_units_differ(data, edc, vendor, expected):
    rows = laboratory(data, [f"1,101,W4,K,{edc},2024-01-10,"], [f"1,A1,101,W4,K,{vendor},2024-01-10,"], "lab_results")
    assert said(rows, "result", "field", "left_value", "right_value") == expected


def test_creatinine_in_mg_per_dl_is_converted_by_the_declared_factor(data):
    rows = laboratory(
        data, ["1,101,W4,CREAT,88,µmol/L,2024-01-10,"], ["1,A1,101,W4,CREAT,1.0,mg/dL,2024-01-10,"], "lab_results"
    )
    assert said(rows, "result") == [("matched",)]  # 1.0 mg/dL is 88.42 µmol/L: half a percent from 88


@pytest.mark.parametrize(
    ("edc", "vendor", "expected"),
    [
        ("2024-01-10,09:30", "2024-01-10,09:40", [("matched", None, None, None)]),
        ("2024-01-10,09:30", "2024-01-10,09:50", [("mismatch", "collected_time", "09:30", "09:50")]),
        ("2024-01-10,09:30", "2024-01-10,24:00", [("mismatch", "collected_time", "09:30", "24:00 (not a time)")]),
        ("2024-01-10,09:30", "2024-01-10,", [("matched", None, None, None)]),
        ("2024-01-10,09:30", "2024-01-12,09:30", [("mismatch", "collected", "2024-01-10", "2024-01-12")]),
    ],
)
def test_samples_are_paired_by_visit_and_date_and_times_may_differ_a_little(data, edc, vendor, expected):
    lb = [f"1,101,W4,K,4.1,mmol/L,{edc}", f"2,101,W4,CREAT,88,umol/L,{edc}"]
    lbx = [f"1,A1,101,W4,K,4.1,mmol/L,{vendor}", f"2,A1,101,W4,CREAT,88,umol/L,{vendor}"]
    rows = laboratory(data, lb, lbx, "lab_header")
    assert said(rows, "result", "field", "left_value", "right_value") == expected


def test_two_results_for_one_test_are_not_both_paired(data):
    lbx = ["1,A1,101,W4,K,4.1,mmol/L,2024-01-10,", "2,A2,101,W4,K,4.1,mmol/L,2024-01-10,"]
    rows = laboratory(data, ["1,101,W4,K,4.1,mmol/L,2024-01-10,"], lbx, "lab_results")
    assert said(rows, "result") == [("ambiguous",), ("ambiguous",)]


# ── findings over the weeks ─────────────────────────────────────────────────────────────────────────────────────


def followed(study: studies.Study, week: str) -> dict[str, tuple]:
    """Run a week whole and publish it; its reconciliation findings by record key."""
    work = mart.begin(study.id, week)
    tables.build(work)
    reconcile.build(work)
    checks.run(work)
    findings.follow(work)
    reconcile.settle(work)
    found = work.con.execute(
        "SELECT record_key, status, review_status, review_outdated, finding_id, evidence FROM findings WHERE domain = 'recon' AND check_id <> 'RC007'"
    ).fetchall()
    states = dict(work.con.execute("SELECT record_key, status FROM reconciliation").fetchall())
    mart.publish(work)
    return {row[0]: (*row[1:], states.get(row[0])) for row in found}


def test_an_accepted_discrepancy_stays_accepted_until_a_value_changes(data):
    case = "C1,1,1,101,Stroke,{},2024-01-20,Y,Y,recovered,"
    study = trial(data, [STROKE], [case.format("2024-01-12")])
    first = followed(study, "2024-03-04")
    ((key, (status, _, _, finding, evidence, state)),) = first.items()
    assert (key, status, state) == ("sae|AE|1|onset", "new", "Open")
    assert json.loads(evidence)["right_value"] == "2024-01-12"
    acts = [
        Act("review", finding, "status", "", "Accepted discrepancy"),
        Act("review", finding, "evidence", "", evidence),
    ]
    journal.append(study, "ada", "data manager", acts)
    other = [STROKE, "101,01,2,Rash,2024-02-01,,N,N,"]
    trial(data, other, [case.format("2024-01-12"), "C2,1,1,102,Rash,,,Y,N,,"], week="2024-03-11")
    second = followed(study, "2024-03-11")[key]
    assert second[:3] == ("open", "Accepted discrepancy", False) and second[-1] == "Accepted discrepancy"
    trial(data, other, [case.format("2024-01-13")], week="2024-03-18")
    third = followed(study, "2024-03-18")[key]
    assert third[:3] == ("changed", "Accepted discrepancy", True) and third[-1] == "Review outdated"
    trial(data, other, [case.format("2024-01-10")], week="2024-03-25")
    assert followed(study, "2024-03-25")[key][0] == "resolved"


def test_what_a_reconciliation_found_stays_open_when_it_is_not_run_any_more(data):
    study = trial(data, [STROKE], ["C1,1,1,101,Stroke,2024-01-12,2024-01-20,Y,Y,recovered,"])
    followed(study, "2024-03-04")
    trial(data, [STROKE, "101,01,2,Rash,2024-02-01,,N,N,"], [], week="2024-03-11")
    (study.folder / "tables" / "safety.sql").unlink()
    assert followed(study, "2024-03-11")["sae|AE|1|onset"][0] == "open"


def test_third_party_records_make_no_subject_visit_or_item(data):
    study = trial(data, [STROKE], ["C1,1,1,999,Stroke,2024-01-10,,Y,Y,,"])
    with mart.scratch(study.id) as work:
        tables.build(work)
        assert work.con.execute("SELECT subjid FROM subjects").fetchall() == [("101",)]
        assert work.con.execute("SELECT DISTINCT domain FROM items").fetchall() == [("ae",)]


# ── feeds as they come ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_feeds_of_third_parties_are_recognised_by_their_columns(data, tmp_path):
    extract = tmp_path / "extract"
    extract.mkdir()
    files = {
        "ae": "SUBJECT,AESPID,AETERM,AESTDAT,AEENDAT\n101,1,Fall,2024-01-10,\n",
        "line_listing": "Case Number,Subject ID,Event Verbatim,Onset Date,Seriousness,Outcome\nC1,101,Fall,10-JAN-2024,Yes,Recovered\n",
        "transfer": "ACCESSION,SUBJID,VISIT,TESTCODE,RESULT,UNITS,COLLECTION_DATE\nA1,101,W4,K,4.1,mmol/L,2024-01-10\n",
        "rand": "Subject,Rand No,Randomization Date,Gender\n101,5001,10 JAN 2024,Male\n",
        "diary": "SUBJECT,QUESTIONNAIRE,COMPLETED_AT,COMPLETION_STATUS\n101,KCCQ,2024-01-10T09:00,Completed\n",
        "tubes": "SUBJECT,SAMPLE_ID,COLLECTION_DATE,RECEIVED_DATE\n101,P1,2024-01-10,2024-01-12\n",
    }
    for name, text in files.items():
        (extract / f"{name}.csv").write_text(text, encoding="utf-8")
    scaffold.new("trial", extract, "2024-03-04")
    assert {p.stem for p in (data / "trial" / "tables").glob("*.sql")} == {
        "ae",
        "safety",
        "lbx",
        "irt",
        "epro",
        "samples",
    }
    snapshot.ingest(studies.load("trial"), "2024-03-04")
    with mart.scratch("trial") as work:
        tables.build(work)
        said = work.con.execute("SELECT subjid, case_number, term, onset_on, serious FROM safety").fetchall()
        assert said == [("101", "C1", "Fall", "2024-01-10", "Y")]
        assert work.con.execute("SELECT sex, randomised_on FROM irt").fetchall() == [("M", "2024-01-10")]
        assert work.con.execute("SELECT DISTINCT domain FROM items").fetchall() == [("ae",)]


def test_the_daily_actigraphy_loads_as_the_table_device(data, realdata):
    scaffold.new("wear", realdata / "wearables", "2025-02-01")
    snapshot.ingest(studies.load("wear"), "2025-02-01")
    with mart.scratch("wear") as work:
        tables.build(work)
        rows, dated, worn = work.con.execute(
            "SELECT count(*), count(day_on), count(minutes_worn) FROM device"
        ).fetchone()
        first = work.con.execute(
            "SELECT subjid, siteid, day_on, minutes_worn FROM device WHERE source_row = 2"
        ).fetchone()
    assert rows == dated == worn and rows > 3000
    assert first == ("10431021", "1043", "2024-01-26", 217.0)


def test_the_command_prints_how_each_ended_and_what_one_of_them_found(data):
    trial(data, [STROKE], ["C1,1,1,101,Stroke,2024-01-12,2024-01-20,Y,Y,recovered,"])
    done = CliRunner().invoke(main, ["reconcile", "trial", "--only", "sae"])
    assert done.exit_code == 0 and "2024-01-10 | 2024-01-12" in done.output and "Event Stroke, Onset" in done.output
    refused = CliRunner().invoke(main, ["reconcile", "trial", "--only", "lab"])
    assert refused.exit_code == 1 and "declares no reconciliation lab; there are sae" in refused.output
