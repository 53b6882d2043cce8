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


# --- data with a row per item


def odm(*subjects: str) -> str:
    defs = "".join(f'<ItemDef OID="I_{name}" Name="{name}"/>' for name in ("AE_AETERM", "AE_SEV", "AE_AESTDAT", "AE_OUT", "SHOESIZE", "O'ID"))
    return (
        '<?xml version="1.0"?><ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" ODMVersion="1.3"><Study OID="S"><MetaDataVersion OID="v1">'
        f'{defs}</MetaDataVersion></Study><ClinicalData StudyOID="SITE7" MetaDataVersionOID="v1">{"".join(subjects)}</ClinicalData></ODM>'
    )


def ae_form(subject: str, *records: dict[str, str]) -> str:
    groups = "".join(
        f'<ItemGroupData ItemGroupOID="IG_AE" ItemGroupRepeatKey="{n}">'
        + "".join(f'<ItemData ItemOID="I_{item}" Value="{value}"/>' for item, value in record.items())
        + "</ItemGroupData>"
        for n, record in enumerate(records, start=1)
    )
    other = '<FormData FormOID="F_ODD"><ItemGroupData ItemGroupOID="IG_ODD"><ItemData ItemOID="I_SHOESIZE" Value="42"/></ItemGroupData></FormData>'
    return (
        f'<SubjectData SubjectKey="{subject}"><StudyEventData StudyEventOID="SE_V1" StudyEventRepeatKey="1">'
        f'<FormData FormOID="F_ADVERSE_V10">{groups}</FormData>{other}</StudyEventData></SubjectData>'
    )


def test_the_items_of_an_odm_form_are_laid_side_by_side_and_what_no_table_takes_up_is_told(data, tmp_path):
    first = {"AE_AETERM": "Rash", "AE_SEV": "2", "AE_AESTDAT": "2024-03-01", "O'ID": "x"}
    path = tmp_path / "oc.xml"
    path.write_text(odm(ae_form("S1", first, {"AE_AETERM": "Cough", "AE_OUT": "FATAL"}), ae_form("S2", {"AE_SEV": "1"})), encoding="utf-8")
    said = "\n".join(scaffold.new("abc", path, "2024-06-01").said)
    assert "F_ADVERSE IG_AE → tables/ae.sql" in said and "left: O'ID (no standard column of ae" in said
    assert "no table: F_ODD IG_ODD" in said and "DM → tables/dm.sql" in said
    snapshot.ingest(studies.load("abc"))
    with mart.scratch("abc") as work:
        made = tables.build(work).set_index("name")
        assert work.con.execute(
            "SELECT record_key, siteid, subjid, visit, form, formrow, aeterm, aesev, aestdtc, aeout, source_row FROM ae ORDER BY 1"
        ).fetchall() == [
            ("AE|S1|SE_V1|1|F_ADVERSE_V10||IG_AE|1", "SITE7", "S1", "SE_V1", "F_ADVERSE_V10", "1", "Rash", "MODERATE", "2024-03-01", None, 1),
            ("AE|S1|SE_V1|1|F_ADVERSE_V10||IG_AE|2", "SITE7", "S1", "SE_V1", "F_ADVERSE_V10", "2", "Cough", None, None, "FATAL", 5),
            ("AE|S2|SE_V1|1|F_ADVERSE_V10||IG_AE|1", "SITE7", "S2", "SE_V1", "F_ADVERSE_V10", "1", None, "MILD", None, None, 8),
        ]  # fmt: skip
        assert (made.left_out["edc.ITEMS"], made.title["edc.ITEMS"]) == (2, "Items that no table file takes up: IG_ODD")
        assert not (checks.run(work).outcome == "error").any()
    ae = (data / "abc" / "tables" / "ae.sql").read_text(encoding="utf-8")
    (data / "abc" / "tables" / "ae.sql").write_text(ae.replace("= 'AE_OUT'", "= 'AE_OTHER'"), encoding="utf-8")
    with mart.scratch("abc") as work:
        left = tables.build(work).set_index("name").loc["edc.ITEMS"]
    assert (left.left_out, left.title) == (3, "Items that no table file takes up: IG_AE, IG_ODD"), "an item that came later is not passed over"


VIEDOC = ("SiteSeq", "SiteCode", "SubjectSeq", "SubjectId", "EventSeq", "EventId", "EventName", "ActivityId", "FormId", "FormName",
          "FormSeq", "ItemGroupId", "ItemGroupSeq", "ItemId", "ItemExportLabel", "ItemValue")  # fmt: skip


def test_the_items_of_a_viedoc_form_are_laid_side_by_side_and_a_group_that_repeats_stays_apart(data, tmp_path):
    def row(seq, group, group_seq, item, value):
        return f"1,07,1,S1,1,E1,Visit 1,A1,AE,Adverse events,{seq},{group},{group_seq},{item},x,{value}"

    lines = [
        ",".join(f"label {n}" for n in range(len(VIEDOC))), ",".join(VIEDOC),
        row(1, "G1", 1, "AE_AETERM", "Rash"), row(1, "G2", 1, "AE_AESTDAT", "2024-03-01"), row(1, "G1", 1, "AE_AESEV", "NA"),
        row(1, "DRUGS", 1, "AE_DRUG", "Aspirin"), row(1, "DRUGS", 2, "AE_DRUG", "Insulin"),
        row(2, "G1", 1, "AE_AETERM", "Cough"), row(2, "G2", 1, "AE_AESTDAT", "NA"),
    ]  # fmt: skip
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "S_20240131_120000_AE.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    said = "\n".join(scaffold.new("abc", tmp_path / "x", "2024-06-01").said)
    assert "viedoc: 1 datasets as source 'edc': AE" in said and "NA are read as empty" in said
    snapshot.ingest(studies.load("abc"))
    with mart.scratch("abc") as work:
        left = tables.build(work).set_index("name").loc["edc.AE"]
        found = work.con.execute("SELECT siteid, subjid, visit, form, formrow, aeterm, aestdtc, aesev FROM ae ORDER BY formrow").fetchall()
    assert found == [
        ("07", "S1", "Visit 1", "Adverse events", "1", "Rash", "2024-03-01", None),
        ("07", "S1", "Visit 1", "Adverse events", "2", "Cough", None, None),
    ]
    assert "no table: AE DRUGS" in said and (left.left_out, left.title) == (2, "Items that no table file takes up: AE")


@pytest.mark.parametrize(("name", "files", "cutoff", "rows"), [
    ("juno", "openclinica/juno_2016-08-01.xml", "2016-08-01", {"ae": 6, "cm": 5, "dm": 21, "sv": 86}),
    ("openedc", "openedc", "2024-01-30", {"dm": 90}),
    ("viedoc", "viedoc", "2024-01-30", {"ae": 18, "dm": 22, "vs": 112}),
    ("bmd", "secutrial/s_export_CSV-xls_BMD_short_en_utf8.zip", "2020-01-01", {"dm": 113}),
])  # fmt: skip
def test_the_scaffold_of_other_systems_real_exports_runs_unedited(data, realdata, name, files, cutoff, rows):
    snap, made, ran = build(name, realdata / files, data)
    assert all(d.rows_in_file == d.rows_stored for d in snap.datasets)
    for table, n in rows.items():
        assert made.rows[table] == n, table
    assert "error" not in set(ran.outcome) and (made.repeated_keys == 0).all()
