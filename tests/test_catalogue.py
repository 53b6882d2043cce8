"""The catalogue of checks: what each needs is read from its SELECT, filters find it, and a study's own checks stand in it."""

from __future__ import annotations

from unittest import mock

import pytest
from click.testing import CliRunner

from cdmlib import catalogue, checks, cli, demo, evidence, standard, tables
from cdmlib import study as studies
from cdmlib.cli import main
from cdmlib.errors import CdmError

CHECK = """/*
title:    Own event graded wrongly
severity: minor
action:   review
message:  Event {aeterm}: grade {aegrade} is above {limit}.
params:   limit = 3
optional: ae.aesev

Looks at the study's own grade.
*/
SELECT record_key, siteid, subjid, visit, aeterm, aegrade, aesev
FROM   ae
WHERE  aegrade > $limit
"""
CASES = """| ae.record_key | aeterm | aegrade | finding | because |
|---|---|---|---|---|
| 1 | Rash | | | no grade |
| 2 | Rash | 4 | yes | above the limit |
| 3 | Rash | 3 | | at the limit |
"""


@pytest.fixture
def study(data):
    """A study with a column, a check, a parameter and a switch of its own; no data are needed to look checks up."""
    demo.create(data / "demo")
    folder = data / "demo"
    header = "name,type,label,role,codelist,source,synonyms\n"
    (folder / "tables" / "ae.csv").write_text(header + "aegrade,number,Own grade,optional,,,\n", encoding="utf-8")
    (folder / "checks" / "ae").mkdir(parents=True)
    (folder / "checks" / "ae" / "OWN001_grade.sql").write_text(CHECK, encoding="utf-8")
    (folder / "checks" / "ae" / "OWN001_grade.md").write_text(CASES, encoding="utf-8")
    with (folder / "study.toml").open("a", encoding="utf-8") as file:
        file.write('\n[parameters.OWN001]\nlimit = 4\n\n[off]\nEX005 = "the drug is given on demand"\n')
    return studies.load("demo")


def run(*words: str) -> str:
    with mock.patch.object(cli.out, "_width", 300):
        result = CliRunner().invoke(main, ["checks", *words])
    assert result.exit_code == 0, result.output
    return result.output


def test_needs_are_the_columns_without_which_the_select_does_not_bind():
    (entry,) = catalogue.entries(only=["AE007"])
    needs = {need.table: (need.columns, need.optional) for need in entry.needs}
    assert needs == {"ae": (("aeterm", "aeout"), ("aesdth", "aeendtc")), "subjects": (("death_date",), ())}


def test_every_check_runs_on_what_it_needs_alone():
    """All other columns are taken away: what is left must do, with NULL for what is used when collected."""
    con = standard.empty_database()
    for entry in catalogue.entries():
        if any(need.table in ("items", "fields", "visit_plan") for need in entry.needs):
            continue  # these are always whole
        there = tables.collected(con)
        for need in entry.needs:
            keys = [c.name for c in standard.tables()[need.table] if c.role == "key"]
            kept = set(need.columns) | set(keys)
            drop = [column for column in there[need.table] if column not in kept]
            con.execute("BEGIN")
            for column in drop:
                con.execute(f"ALTER TABLE {need.table} DROP COLUMN {standard.quote(column)}")
            sql = tables.with_optional(entry.check, tables.collected(con))
            con.execute(sql, checks.used_params(sql, {"as_of": "2024-06-30"} | entry.params))
            con.execute("ROLLBACK")


def test_filters_narrow_the_list():
    all_of_them = catalogue.entries()
    assert {e.check.domain for e in catalogue.entries(domain="EX")} == {"ex"}
    assert {e.check.header["severity"] for e in catalogue.entries(severity="critical")} == {"critical"}
    assert {e.check.header["action"] for e in catalogue.entries(action="review")} == {"review"}
    found = catalogue.entries(text="blood pressure")
    assert 0 < len(found) < len(all_of_them)
    assert all("blood pressure" in f"{e.check.title} {e.check.message} {e.check.note}".lower() for e in found)


def test_a_wrong_id_or_domain_says_what_there_is():
    with pytest.raises(CdmError, match="There is no check AE999; there are AE001, AE002"):
        catalogue.entries(only=["AE999"])
    with pytest.raises(CdmError, match="There are checks about ae, "):
        catalogue.entries(domain="zz")


def test_one_check_is_explained_with_its_cases_and_its_select():
    shown = run("ae004")
    for text in (
        "Adverse event starts after it ends",
        "major",
        "query",
        "Please correct one of the dates",
        "Partial dates",
    ):
        assert text in shown
    assert "ae: aeterm, aestdtc, aeendtc" in shown
    assert "partial start, the month agrees" in shown
    assert "WHERE  iso_after(aestdtc, aeendtc)" in shown


def test_a_study_shows_its_own_checks_parameters_and_what_it_switched_off(study):
    listing = run("--study", "demo")
    assert "OWN001" in listing and "limit = 4 (study)" in listing
    assert "the drug is given on demand" in listing
    assert "factor = 5 (study)" in listing
    assert "1 of them of study demo, 1 switched off" in listing
    explained = run("OWN001", "--study", "demo")
    assert "own check of the study" in explained and "aegrade (aesev when collected)" in explained


def test_a_parameter_of_a_check_that_does_not_exist_is_refused(study):
    path = study.folder / "study.toml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("[parameters.OWN001]", "[parameters.OWN009]"), encoding="utf-8"
    )
    with pytest.raises(CdmError, match="there is no check, measure or criterion OWN009"):
        catalogue.entries(studies.load("demo"))


def test_a_study_s_own_check_has_its_cases_in_the_evidence_also_on_its_own_columns(study, tmp_path):
    done = evidence.write(study, tmp_path)
    assert not done.failures
    assert (tmp_path / "uat.csv").read_text(encoding="utf-8").count("OWN001,") == 3


def test_a_study_s_own_check_finds_messages_and_obeys_the_study_s_parameter(study):
    """As `cdm check` runs it, on tables of the study with its own column."""
    con = standard.empty_database(tables.all_columns(study))
    con.execute(f"CREATE TABLE findings ({checks.FINDINGS})")
    con.execute(
        "INSERT INTO ae (record_key, siteid, subjid, aeterm, aegrade) VALUES ('1', '01', 'A', 'Rash', 4), ('2', '01', 'A', 'Cough', 5)"
    )
    (own,) = [check for check in checks.library(study) if check.id == "OWN001"]
    done = checks.run_one(con, own, study, "2024-06-30", tables.collected(con))
    assert (done.outcome, done.n_findings) == ("findings", 1)
    assert con.execute("SELECT message, domain FROM findings").fetchall() == [
        ("Event Cough: grade 5 is above 4.", "ae")
    ]
