"""Checks of a study's own folder work like the library's, and what a study changes or switches off is shown, never silent."""

from __future__ import annotations

import openpyxl
import pytest

from cdmlib import checks, cleaning, evidence, findings, mart, measures, snapshot, tables
from cdmlib import study as studies

TOML = """[study]
id = "abc"
title = "A study"
[sources.edc]
layout = "csv"
subject = "SUBJID"
[parameters.ZZ001]
longest = 7
[off]
AE004 = "the dates are cleaned by the vendor"
"""
AE_TABLE = """/*
title: Adverse events
from:  edc.AE
*/
SELECT 'AE|' || SUBJID AS record_key, SITE AS siteid, SUBJID AS subjid, 'AE form' AS form, source, dataset, source_row, AETERM AS aeterm,
       iso_date(AESTDAT) AS aestdtc, iso_date(AEENDAT) AS aeendtc
FROM edc.AE
"""
AE = "SITE,SUBJID,AETERM,AESTDAT,AEENDAT\n01,S1,Headache,05 MAR 2024,02 MAR 2024\n01,S2,Rash,01 MAR 2024,02 MAR 2024\n"
CHECK = """/*
title:    Term is long
severity: critical
action:   query
params:   longest = 20
message:  AE {aeterm}: the term has more than {longest} letters. Please correct it.

Letters are counted, not words.
*/
SELECT record_key, siteid, subjid, aeterm FROM ae WHERE length(aeterm) > $longest
"""
CASES = """$longest = 7

| ae.aeterm | finding | because       |
|-----------|---------|---------------|
| Headache  | yes     | eight letters |
| Fatigue   |         | seven letters |
|           |         | nothing there |
"""


@pytest.fixture
def run(data):
    """A weekly run of a study with one check of its own and one of the library switched off: the study and its workbook."""
    folder = data / "abc"
    for name in ("tables", "checks/ae", "incoming/2024-03-04"):
        (folder / name).mkdir(parents=True)
    for name, text in {
        "study.toml": TOML,
        "tables/ae.sql": AE_TABLE,
        "incoming/2024-03-04/AE.csv": AE,
        "checks/ae/ZZ001_term_is_long.sql": CHECK,
        "checks/ae/ZZ001_term_is_long.md": CASES,
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    study = studies.load("abc")
    snapshot.ingest(study)
    work = mart.begin("abc", "2024-03-04")
    tables.build(work)
    ran = checks.run(work).set_index("check_id")
    findings.follow(work)
    book = openpyxl.load_workbook(cleaning.write(work))
    mart.publish(work)
    return study, ran, book


def test_a_check_of_the_study_is_run_with_the_limits_of_the_study(run):
    _, ran, book = run
    assert (ran.outcome["ZZ001"], ran.n_findings["ZZ001"], ran.severity["ZZ001"]) == ("findings", 1, "critical")
    words = [str(cell.value) for row in book["ZZ001"].iter_rows() for cell in row if cell.value is not None]
    assert "AE Headache: the term has more than 7 letters. Please correct it." in words
    assert not any("Rash" in word for word in words)


def test_its_cases_are_run_with_those_of_the_library_and_stand_in_the_evidence(run, tmp_path):
    done = evidence.write(run[0], tmp_path / "validation")
    assert done.checks == len(checks.library()) + len(measures.library()) + 1 and not done.failures
    text = (tmp_path / "validation" / "uat.csv").read_text(encoding="utf-8")
    assert [line for line in text.splitlines() if line.startswith("ZZ001")] == [
        "ZZ001,1,finding,finding,passed,eight letters",
        "ZZ001,2,none,none,passed,seven letters",
        "ZZ001,3,none,none,passed,nothing there",
    ]
    assert "ZZ001" in (tmp_path / "validation" / "uat.html").read_text(encoding="utf-8")


def test_a_case_of_the_study_that_fails_is_reported(run, tmp_path):
    path = run[0].folder / "checks" / "ae" / "ZZ001_term_is_long.md"
    path.write_text(CASES.replace("| Fatigue   |", "| Fatigues  |"), encoding="utf-8")
    done = evidence.write(run[0], tmp_path / "validation")
    assert done.failures == ("ZZ001 case 2: expected none, got finding (seven letters)",)


def test_a_check_switched_off_is_shown_as_not_run_with_its_reason(run):
    _, ran, book = run
    reason = "switched off in study.toml: the dates are cleaned by the vendor"
    assert (ran.outcome["AE004"], ran.reason["AE004"]) == ("not run", reason)
    contents = [[cell.value for cell in row] for row in book.worksheets[0].iter_rows()]
    line = next(row for row in contents if "AE004" in row)
    assert reason in line and any(str(value).lower() == "not run" for value in line)


def test_a_check_that_can_not_run_names_the_column_that_is_missing_and_no_other(run):
    _, ran, _ = run
    assert ran.reason["DM007"] == "table dm is not collected; column subjects.randomised_date is not collected"
    assert ran.reason["AE008"] == "column ae.aeser is not collected; column ae.aeshosp is not collected"
