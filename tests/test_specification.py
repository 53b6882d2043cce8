"""The field specification: read whole or refused with every mistake named, and code lists usable by name."""

from __future__ import annotations

import pytest

from cdmlib import checks, mart, snapshot, specification, standard, tables
from cdmlib import study as studies
from cdmlib.errors import CdmError

TOML = """[study]
id = "abc"
title = "A study"
{codelists}
[sources.edc]
layout = "csv"
subject = "SUBJID"
{fields}
"""
AE = """/*
title: Adverse events
from:  edc.AE
*/
SELECT 'AE|' || SUBJID AS record_key, '01' AS siteid, SUBJID AS subjid, source, dataset, source_row, AETERM AS aeterm, AESER AS aeser, AESDTH AS aesdth,
       AESPID AS aespid, iso_date(AESTDAT) AS aestdtc
FROM edc.AE
"""
ROWS = """SUBJID,AETERM,AESER,AESDTH,AESPID,AESTDAT
S1,Headache,Y,,12,01 MAR 2024
S2,Rash,N,Y,1.25,01 MAR 2024
S3,Cough ,MAYBE,,no,01 MAR 2024
S4,A cough that lasts,N,,130,01 MAR 2024
"""


@pytest.fixture
def make(data):
    def made(fields="", codelists="", table=None, lists=None):
        folder = data / "abc"
        for name in ("tables", "incoming/2024-06-30"):
            (folder / name).mkdir(parents=True)
        (folder / "study.toml").write_text(TOML.format(fields=fields, codelists=codelists), encoding="utf-8")
        (folder / "tables" / "ae.sql").write_text(AE, encoding="utf-8")
        (folder / "incoming" / "2024-06-30" / "AE.csv").write_text(ROWS, encoding="utf-8")
        for name, text in (("fields.csv", table), ("lists.csv", lists)):
            if text:
                (folder / name).write_text(text, encoding="utf-8")
        return studies.load("abc")

    return made


def found(study):
    """What the generic checks find: (check, subject, field)."""
    snapshot.ingest(study)
    with mart.scratch("abc") as work:
        tables.build(work)
        ran = checks.run(work, [check.id for check in checks.library() if check.domain == "items"])
        assert set(ran[ran.outcome == "not run"].check_id) == {"IT015"} and "error" not in set(
            ran.outcome
        )  # no birth dates
        return work.con.execute("SELECT check_id, subjid, field FROM findings ORDER BY ALL").fetchall()


EXPECTED = [
    ("IT004", "S3", "aeser"),
    ("IT005", "S1", "aesdth"),
    ("IT006", "S4", "aespid"),
    ("IT007", "S2", "aesdth"),
    ("IT009", "S3", "aeterm"),
    ("IT010", "S2", "aespid"),
    ("IT010", "S3", "aespid"),
    ("IT012", "S4", "aeterm"),
    ("IT013", "S2", "aespid"),
]


def test_study_toml_and_fields_csv_say_the_same_things(make):
    study = make(
        fields="""[fields.ae]
aeser = { codelist = "NY" }
aesdth = { required = true, shown_when = "aeser = Y" }
aespid = { type = "integer", low = 1, high = 99, decimals = 1 }
aeterm = { length = 10 }
"""
    )
    assert found(study) == EXPECTED


def test_the_same_from_a_table(make):
    study = make(
        table="table,column,required,type,low,high,codelist,shown_when,length,decimals\n"
        "ae,aeser,,,,,Y|N,,,\nae,aesdth,Y,,,,,aeser = Y,,\nAE,AESPID,,integer,1,99,,,,1\nae,aeterm,N,,,,,,10,\n"
    )
    assert found(study) == EXPECTED


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "table,column,lowest\nae,aeterm,1\n",
            "'lowest' is not a column of it; there are table, column, required, type",
        ),
        ("column,low\naeterm,1\n", "the column 'table' is missing"),
        ("table,column,low\nxx,aeterm,1\n", "line 2: 'xx' is not a standard table"),
        ("table,column,low\nae,aetrem,1\n", "line 2: ae has no column 'aetrem'; did you mean aeterm?"),
        ("table,column,low\nae,aeterm,one\n", "line 2: ae.aeterm: could not convert"),
        ("table,column,low,high\nae,aespid,9,1\n", "low (9) must not be above high (1)"),
        ("table,column,required\nae,aeterm,yes\n", "required must be Y, N or empty; given 'yes'"),
        ("table,column,type\nae,aeterm,float\n", "line 2: ae.aeterm: type: Input should be"),
        ("table,column,codelist\nae,aeser,NYX\n", "there is no code list 'NYX'; did you mean NY?"),
        ("table,column,shown_when\nae,aesdth,aeser is Y\n", "shown_when must read `column = value`"),
        (
            "table,column,shown_when\nae,aesdth,aeserr = Y\n",
            "shown_when: ae has no column 'aeserr'; did you mean aeser?",
        ),
        ("table,column,shown_when\nae,aesdth,aeout = Y\n", "ae.aeout (aesdth) in shown_when"),
        ("table,column,low\nae,aeterm,1\nae,aeterm,2\n", "line 3: ae.aeterm stands in fields.csv line 2 already"),
        ("table,column,required\nae,aeout,Y\n", "ae.aeout, which the study's table files do not make"),
        ("table,column,required\nae,visit,Y\n", "ae has no column 'visit'"),
        ("table,column,low\nae,aeterm,1,2,3\n", "line 2: has more cells than the first line"),
    ],
)
def test_a_mistake_in_the_table_is_refused_by_line_and_name(make, table, said):
    with pytest.raises(CdmError) as caught:
        found(make(table=table))
    assert said in str(caught.value)


def test_a_column_with_two_rules_is_refused(make):
    study = make(fields="[fields.ae]\naeterm = { length = 9 }\n", table="table,column,length\nae,aeterm,8\n")
    with pytest.raises(
        CdmError, match=r"fields.csv line 2: ae.aeterm has its rule in study.toml: fields.ae.aeterm already"
    ):
        found(study)


@pytest.mark.parametrize("bad", ['{ codelits = ["Y"] }', '{ type = "float" }', "{ codelist = 5 }", "{ length = 0 }"])
def test_an_unknown_key_of_study_toml_is_refused_by_name(make, bad):
    with pytest.raises(CdmError, match=r"fields\.ae\.aeterm"):
        make(fields=f"[fields.ae]\naeterm = {bad}\n")


LISTS = "codelist,value,extensible\nTERM,HEADACHE,Y\nTERM,RASH,Y\nNY,Y,\nNY,N,\nNY,MAYBE,\n"


def test_a_list_of_the_study_goes_before_the_one_of_the_library_and_an_extensible_one_is_told_apart(make):
    study = make(
        fields='[fields.ae]\naeser = { codelist = "NY" }\naeterm = { codelist = "term" }\n',
        codelists='codelists = "lists.csv"',
        lists=LISTS,
    )
    assert [finding for finding in found(study) if finding[0] in ("IT004", "IT014")] == [
        ("IT014", "S3", "aeterm"),
        ("IT014", "S4", "aeterm"),
    ]


@pytest.mark.parametrize(
    ("lists", "said"),
    [(None, "there is no file lists.csv"), ("a,b\n1,2\n", "must have the columns codelist and value")],
)
def test_a_file_of_code_lists_that_is_not_there_or_not_one_is_refused(make, lists, said):
    with pytest.raises(CdmError, match=said):
        specification.code_lists(make(codelists='codelists = ["lists.csv"]', lists=lists))


def test_the_terminology_of_nci_is_read_by_code_and_by_name(realdata):
    lists = specification.read_code_lists(next((realdata / "sdtm-ct").glob("*.txt.xz")))
    assert lists["C66742"] is lists["NY"]
    assert set(lists["NY"].values) == {"N", "Y", "U", "NA"} and not lists["NY"].extensible
    assert set(lists["AESEV"].values) == {"MILD", "MODERATE", "SEVERE"}
    assert lists["UNIT"].extensible and "mg" in lists["UNIT"].values
    assert not any("|" in value for name in ("NY", "UNIT", "ROUTE", "FREQ") for value in lists[name].values)


def test_a_column_of_the_pilot_is_held_against_the_terminology(make, realdata):
    path = next((realdata / "sdtm-ct").glob("*.txt.xz"))
    study = make(
        fields='[fields.ae]\naeser = { codelist = "C66742" }\naesdth = { codelist = "NY" }\n',
        codelists=f'codelists = "{path}"',
    )
    assert [finding for finding in found(study) if finding[0] == "IT004"] == [("IT004", "S3", "aeser")]


def test_every_key_of_a_rule_reaches_the_table_fields():
    there = {column.name for column in standard.tables()["fields"]}
    assert {
        "required",
        "low",
        "high",
        "codelist",
        "length",
        "decimals",
        "spec_type",
        "shown_field",
        "shown_values",
        "extensible",
    } <= there
