"""`cdm new`: the scaffold runs unedited, and says what it matched, left, and why."""

from __future__ import annotations

import pytest

from cdmlib import checks, mart, scaffold, snapshot, tables
from cdmlib import study as studies
from cdmlib.errors import CdmError

AE = "SUBJID,SITE,AENO,AE_TERM,AESTDAT,SHOESIZE\nS1,01,1,Rash,05/13/2024,42\nS1,01,2,Cough,12/01/2024,43\n"
VS = "SUBJID,SITE,VISIT,VISDAT,SYSBP,SYSBP_UNITS,WEIGHT,WEIGHT_UNITS\nS1,01,Week 1,2024-05-01,120,mmHg,150,lb\nS1,01,Week 2,2024-05-08,,mmHg,,\n"
ODD = "SUBJID,COLOUR\nS1,red\n"
PLAN = "VISIT,DAY\nWeek 1,1\n"


@pytest.fixture
def extract(tmp_path):
    folder = tmp_path / "from"
    folder.mkdir()
    for name, text in (("AE", AE), ("VS", VS), ("ODD", ODD), ("PLAN", PLAN)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def test_synonyms_dates_units_and_wide_tests_are_matched(data, extract):
    said = "\n".join(scaffold.new("abc", extract, "2024-06-01", "A study").said)
    assert "AE → tables/ae.sql: 5 of 6 columns matched" in said
    assert "left: SHOESIZE (no standard column of ae; they stay in the snapshot)" in said
    assert "aestdtc: dates in figures are read as month, day, year, because only that fits all of them" in said
    assert "VS → tables/vs.sql" in said and "2 tests, one row each" in said
    assert "no table: ODD (no standard table has its columns)" in said
    assert "no table: PLAN (no column names a subject)" in said
    snapshot.ingest(studies.load("abc"))
    with mart.scratch("abc") as work:
        tables.build(work)
        assert work.con.execute(
            "SELECT record_key, siteid, aeterm, aestdat, aestdtc FROM ae ORDER BY 1"
        ).fetchall() == [
            ("AE|S1|1", "01", "Rash", "05/13/2024", "2024-05-13"),
            ("AE|S1|2", "01", "Cough", "12/01/2024", "2024-12-01"),
        ]
        assert work.con.execute(
            "SELECT vstestcd, visit, vsorres, vsstresn, vsstresu FROM vs ORDER BY record_key"
        ).fetchall() == [
            ("SYSBP", "Week 1", "120", 120.0, "mmHg"),
            ("WEIGHT", "Week 1", "150", 68.04, "kg"),
            ("SYSBP", "Week 2", None, None, "mmHg"),
        ]
        assert not (checks.run(work).outcome == "error").any()


def test_dates_that_can_be_read_two_ways_are_not_guessed(data, tmp_path):
    (tmp_path / "AE.csv").write_text("SUBJID,AETERM,AESTDAT\nS1,Rash,01/02/2024\n", encoding="utf-8")
    said = "\n".join(scaffold.new("abc", tmp_path / "AE.csv", "2024-06-01").said)
    assert "can be read two ways and are left empty; write iso_date_dmy or iso_date_mdy" in said


def test_an_existing_study_is_not_overwritten_and_a_failed_one_leaves_nothing(data, extract, tmp_path):
    scaffold.new("abc", extract, "2024-06-01")
    with pytest.raises(CdmError, match="already a study folder"):
        scaffold.new("abc", extract, "2024-06-01")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(CdmError):
        scaffold.new("xyz", tmp_path / "picture.png", "2024-06-01")
    assert [path.name for path in data.iterdir()] == ["abc"]


def build(name, path, data):
    scaffold.new(name, path, "2015-03-01")
    opened = studies.load(name)
    done = snapshot.ingest(opened)
    with mart.scratch(name) as work:
        made = tables.build(work).set_index("name")
        return done.snapshot, made, checks.run(work).set_index("check_id")


def test_the_scaffold_of_the_cdisc_pilot_crf_runs_unedited_and_loses_no_row(data, realdata):
    snap, made, ran = build("pilot", realdata / "cdisc-pilot-crf", data)
    assert {d.name: (d.rows_in_file, d.rows_stored, d.rows_quarantined) for d in snap.datasets} == {
        name: (n, n, 0)
        for name, n in (("AE", 1272), ("CM", 7510), ("DM", 306), ("DS", 342), ("EX", 591), ("MH", 1818), ("VS", 8211))
    }
    assert made.rows["subjects"] == 306 and made.rows["dm"] == 306
    assert (made.left_out[["ae", "cm", "dm", "ds", "ex", "mh", "vs"]] == 0).all()
    assert "error" not in set(ran.outcome)
    assert (ran.outcome[["AE004", "VS001"]] != "not run").all()


def test_the_scaffold_of_the_cdisc_pilot_sdtm_runs_unedited_with_all_31_datasets(data, realdata):
    snap, made, ran = build("sdtm", realdata / "cdisc-pilot-sdtm", data)
    assert len(snap.datasets) == 31
    assert all(d.rows_in_file == d.rows_stored and d.rows_quarantined == 0 for d in snap.datasets)
    assert set(made.index) >= {"ae", "cm", "dm", "ds", "ex", "lb", "mh", "qs", "sv", "vs", "subjects", "visits"}
    assert "error" not in set(ran.outcome)
