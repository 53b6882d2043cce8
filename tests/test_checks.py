"""The runner: four outcomes, never two, and findings that say which record, which values, what to do."""

from __future__ import annotations

import json

import pytest

from cdmlib import checks, mart, snapshot, tables
from cdmlib import study as studies
from cdmlib.errors import CdmError

pytestmark = pytest.mark.requirement("R23")

TOML = """[study]
id = "abc"
title = "A study"
[sources.edc]
layout = "csv"
subject = "SUBJID"
"""
AE_TABLE = """/*
title: Adverse events
from:  edc.AE
*/
SELECT 'AE|' || SUBJID || '|' || AENO AS record_key, SITE AS siteid, SUBJID AS subjid, 'AE form' AS form, source, dataset, source_row,
       AETERM AS aeterm, AESTDAT AS aestdat, iso_date(AESTDAT) AS aestdtc, AEENDAT AS aeendat, iso_date(AEENDAT) AS aeendtc
FROM edc.AE
"""
AE = '''SITE,SUBJID,AENO,AETERM,AESTDAT,AEENDAT
01,S1,1,Headache,05 MAR 2024,02 MAR 2024
01,S1,2,Rash,01 MAR 2024,02 MAR 2024
02,S2,1,Cough,UN MAR 2024,02 MAR 2024
02,S3,1,"<b>{x}</b> = ""odd""",06 MAR 2024,01 MAR 2024
'''


@pytest.fixture
def study(data):
    folder = data / "abc"
    for name in ("tables", "checks/ae", "incoming/2024-03-04"):
        (folder / name).mkdir(parents=True)
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    (folder / "tables" / "ae.sql").write_text(AE_TABLE, encoding="utf-8")
    (folder / "incoming" / "2024-03-04" / "AE.csv").write_text(AE, encoding="utf-8")
    snapshot.ingest(studies.load("abc"))
    return folder


def add_check(study, check_id, where, header="", columns="aeterm", message="AE {aeterm}: please check."):
    text = f"/*\ntitle: A check\nseverity: minor\naction: review\nmessage: {message}\n{header}*/\nSELECT record_key, siteid, subjid, {columns} FROM ae WHERE {where}\n"
    (study / "checks" / "ae" / f"{check_id}_a_check.sql").write_text(text, encoding="utf-8")


def ran(only=()):
    with mart.scratch("abc") as work:
        tables.build(work)
        outcomes = {row.check_id: row for row in checks.run(work, only).itertuples()}
        cursor = work.con.execute("SELECT * FROM findings ORDER BY record_key")
        names = [column[0] for column in cursor.description]
        return outcomes, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_a_finding_names_record_values_and_what_to_do(study):
    outcomes, findings = ran(["AE004"])
    assert (outcomes["AE004"].outcome, outcomes["AE004"].n_findings) == ("findings", 2)
    first = findings[0]
    assert (first["record_key"], first["siteid"], first["subjid"], first["form"]) == ("AE|S1|1", "01", "S1", "AE form")
    assert (
        first["message"]
        == "AE Headache: start date 2024-03-05 is after end date 2024-03-02. Please correct one of the dates, or confirm both."
    )
    assert json.loads(first["evidence"]) == {"aeterm": "Headache", "aestdtc": "2024-03-05", "aeendtc": "2024-03-02"}
    assert findings[1]["message"].startswith('AE <b>{x}</b> = "odd": start date')


def test_a_clean_check_of_a_column_that_is_empty_in_every_record_is_not_run(study):
    for path in (study / "incoming").rglob("AE.csv"):
        path.write_text("SITE,SUBJID,AENO,AETERM,AESTDAT,AEENDAT\n01,S1,1,Headache,05 MAR 2024,\n01,S1,2,Rash,01 MAR 2024,\n", encoding="utf-8")
    snapshot.ingest(studies.load("abc"), confirm="ends are to follow")
    outcomes, _ = ran(["AE004"])
    assert (outcomes["AE004"].outcome, outcomes["AE004"].reason) == ("not run", "column ae.aeendtc is empty in every record")


def test_a_check_that_needs_a_column_that_is_not_collected_is_not_run_and_says_which(study):
    outcomes, _ = ran()
    assert outcomes["AE008"].outcome == "not run"
    assert "column ae.aeser is not collected" in outcomes["AE008"].reason
    assert outcomes["LB001"].outcome == "not run" and "table lb is not collected" in outcomes["LB001"].reason


def test_an_optional_column_that_is_not_collected_counts_as_empty(study):
    add_check(study, "ZZ001", "aeser IS NULL AND aeterm = 'Rash'", header="optional: ae.aeser\n")
    outcomes, findings = ran(["ZZ001"])
    assert outcomes["ZZ001"].n_findings == 1 and findings[0]["record_key"] == "AE|S1|2"


def test_a_check_that_finds_nothing_is_clean(study):
    add_check(study, "ZZ001", "aeterm = 'Plague'")
    assert ran(["ZZ001"])[0]["ZZ001"].outcome == "clean"


@pytest.mark.parametrize(
    ("where", "message", "words"),
    [
        ("no_such_column = 1", "AE {aeterm}.", "no_such_column"),
        ("CAST(aeterm AS INTEGER) = 1", "AE {aeterm}.", "Could not convert"),
        ("aeterm = 'Rash'", "AE {aetrem}.", "{aetrem} in the message is neither a selected column nor a parameter"),
    ],
)
def test_a_check_that_breaks_is_an_error_with_the_reason_and_the_others_go_on(study, where, message, words):
    add_check(study, "ZZ001", where, message=message)
    outcomes, findings = ran(["ZZ001", "AE004"])
    assert outcomes["ZZ001"].outcome == "error" and words in outcomes["ZZ001"].reason
    assert outcomes["AE004"].n_findings == 2 and len(findings) == 2


def test_a_study_sets_parameters_and_a_number_reads_as_a_person_writes_it(study):
    add_check(
        study,
        "ZZ001",
        "length(aeterm) > $longest",
        header="params: longest = 200\n",
        message="{aeterm} is longer than {longest}.",
    )
    assert ran(["ZZ001"])[0]["ZZ001"].outcome == "clean"
    (study / "study.toml").write_text(TOML + "[parameters.ZZ001]\nlongest = 7\n", encoding="utf-8")
    outcomes, findings = ran(["ZZ001"])
    assert outcomes["ZZ001"].n_findings == 2 and findings[0]["message"] == "Headache is longer than 7."


def test_a_check_switched_off_is_not_run_with_its_reason(study):
    (study / "study.toml").write_text(TOML + '[off]\nAE004 = "dates are cleaned by the vendor"\n', encoding="utf-8")
    outcomes, _ = ran(["AE004"])
    assert (outcomes["AE004"].outcome, outcomes["AE004"].reason) == (
        "not run",
        "switched off in study.toml: dates are cleaned by the vendor",
    )


@pytest.mark.parametrize(
    "more", ["[parameters.AE999]\nx = 1\n", "[parameters.AE004]\nx = 1\n", '[off]\nAE999 = "gone"\n']
)
def test_a_parameter_or_switch_of_a_check_that_is_not_there_is_refused(study, more):
    (study / "study.toml").write_text(TOML + more, encoding="utf-8")
    with pytest.raises(CdmError, match=r"AE999|AE004 has no parameters"):
        ran()


def test_an_id_of_the_library_can_not_be_used_again(study):
    add_check(study, "AE004", "aeterm = 'Rash'")
    with pytest.raises(CdmError, match="AE004 belong to the library"):
        ran()


def test_the_same_finding_has_the_same_id_in_every_run(study):
    assert [f["finding_id"] for f in ran(["AE004"])[1]] == [f["finding_id"] for f in ran(["AE004"])[1]]
    assert len({f["finding_id"] for f in ran(["AE004"])[1]}) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("AETERM AS aeterm", "AETERM AS aetermx"), "'aetermx' is not a standard column of ae"),
        (("AETERM AS aeterm", "AETREM AS aeterm"), 'Referenced column "AETREM" not found'),
        (("AETERM AS aeterm, ", ""), "'aeterm' (Reported term) must be there"),
        (("'AE|' || SUBJID || '|' || AENO", "NULLIF(AENO, '2')"), "record_key is empty in 1 rows"),
        (("source_row,", ""), "'source_row' must be there"),
        (("title: Adverse events", "titel: Adverse events"), "'titel' is not a header key of a table"),
    ],
)
def test_a_table_file_with_a_mistake_is_refused_by_file_and_column(study, change, words):
    (study / "tables" / "ae.sql").write_text(AE_TABLE.replace(*change), encoding="utf-8")
    with pytest.raises(CdmError) as caught:
        ran()
    assert words in str(caught.value) and "ae.sql" in str(caught.value)


def test_records_that_share_a_key_stay_apart_and_are_counted(study):
    (study / "tables" / "ae.sql").write_text(AE_TABLE.replace("|| '|' || AENO", ""), encoding="utf-8")
    with mart.scratch("abc") as work:
        made = tables.build(work).set_index("name")
        assert made.repeated_keys["ae"] == 1
        assert [row[0] for row in work.con.execute("SELECT record_key FROM ae ORDER BY 1").fetchall()] == [
            "AE|S1",
            "AE|S1#2",
            "AE|S2",
            "AE|S3",
        ]


def test_a_study_adds_columns_of_its_own_by_describing_them(study):
    (study / "tables" / "ae.sql").write_text(
        AE_TABLE.replace("AETERM AS aeterm", "AETERM AS aeterm, upper(AETERM) AS aeloud"), encoding="utf-8"
    )
    (study / "tables" / "ae.csv").write_text(
        "name,type,label,role,codelist,source,synonyms\naeloud,text,Loud term,optional,,,\n", encoding="utf-8"
    )
    with mart.scratch("abc") as work:
        tables.build(work)
        assert work.con.execute("SELECT aeloud FROM ae WHERE record_key = 'AE|S1|2'").fetchone() == ("RASH",)


def test_items_hold_every_value_of_every_table_empty_ones_too(study):
    with mart.scratch("abc") as work:
        tables.build(work)
        rows = work.con.execute("SELECT field, value FROM items WHERE record_key = 'AE|S2|1' ORDER BY field").fetchall()
    assert rows == [
        ("aeendat", "02 MAR 2024"),
        ("aeendtc", "2024-03-02"),
        ("aestdat", "UN MAR 2024"),
        ("aestdtc", "2024-03"),
        ("aeterm", "Cough"),
    ]
