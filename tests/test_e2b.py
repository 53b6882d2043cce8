"""E2B(R3) safety reports: what is read, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdmlib import scaffold, snapshot
from cdmlib import study as studies
from cdmlib.errors import CdmError
from cdmlib.readers import layouts
from cdmlib.readers.dataset import Options

REACTION = """<subjectOf2><observation><id root="r-{n}"/><code code="29" codeSystem="2.16.840.1.113883.3.989.2.1.1.19"/>
<effectiveTime><low value="{onset}"/><high value="20240305"/></effectiveTime>
<value code="10042244" codeSystemVersion="26.1"><originalText language="en">{term}</originalText></value>
<outboundRelationship2><observation><code code="34"/><value value="false"/></observation></outboundRelationship2>
<outboundRelationship2><observation><code code="33"/><value value="true"/></observation></outboundRelationship2>
<outboundRelationship2><observation><code code="21"/><value nullFlavor="NI"/></observation></outboundRelationship2>
<outboundRelationship2><observation><code code="27"/><value code="1"/></observation></outboundRelationship2>
</observation></subjectOf2>"""
REPORT = """<PORR_IN049016UV><controlActProcess><subject><investigationEvent>
<id extension="DE-SPONSOR-{case}" root="2.16.840.1.113883.3.989.2.1.3.1"/><id extension="DE-SPONSOR-{case}" root="2.16.840.1.113883.3.989.2.1.3.2"/>
<effectiveTime><low value="20240302101500+0100"/></effectiveTime><availabilityTime value="202403"/>
<component><adverseEventAssessment><subject1><primaryRole><player1><name>JD</name><administrativeGenderCode code="2"/><birthTime value="19610504"/>
<asIdentifiedEntity><id extension="DE01-017"/><code code="4"/></asIdentifiedEntity></player1>{reactions}</primaryRole></subject1></adverseEventAssessment></component>
</investigationEvent></subject></controlActProcess></PORR_IN049016UV>"""


def batch(*reports: str) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?><MCCI_IN200100UV01 xmlns="urn:hl7-org:v3">{"".join(reports)}</MCCI_IN200100UV01>'


def report(case: str = "1", *reactions: tuple[str, str]) -> str:
    found = "".join(REACTION.format(n=n, term=term, onset=onset) for n, (term, onset) in enumerate(reactions, start=1))
    return REPORT.format(case=case, reactions=found)


def read(folder: Path, **files: str) -> list[dict]:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.xml").write_text(text, encoding="utf-8")
    (dataset,) = layouts.read(folder, "e2b", Options())
    found = [row for rows in dataset.batches for row in rows.to_pylist()]
    assert dataset.rows == len(found)
    return found


def test_a_report_gives_a_row_per_reaction_with_its_case_and_patient(tmp_path):
    first, second = read(tmp_path, a=batch(report("7", ("Stroke", "20240301"), ("Fall", "202403"))))
    assert first | {"source_row": 1} == first
    assert {k: v for k, v in first.items() if v is not None} == {
        "FILE": "a.xml", "MESSAGE": "1", "CASE_NUMBER": "DE-SPONSOR-7", "WORLDWIDE_CASE": "DE-SPONSOR-7", "RECEIVED": "2024-03-02T10:15:00+0100",
        "LATEST": "2024-03", "SUBJECT": "DE01-017", "INITIALS": "JD", "SEX": "F", "BIRTH": "1961-05-04", "EVENT_NUMBER": "1", "REACTION_ID": "r-1",
        "TERM": "Stroke", "TERM_NATIVE": "Stroke", "LLT_CODE": "10042244", "MEDDRA_VERSION": "26.1", "ONSET": "2024-03-01", "ENDED": "2024-03-05",
        "SERIOUS": "Y", "DEATH": "N", "HOSPITALISATION": "Y", "OUTCOME": "recovered/resolved", "source_row": 1,
    }  # fmt: skip
    assert (second["TERM"], second["ONSET"], second["EVENT_NUMBER"], second["source_row"]) == (
        "Fall",
        "2024-03",
        "2",
        2,
    )


def test_many_files_and_reports_are_one_dataset_in_the_order_of_the_file_names(tmp_path):
    found = read(
        tmp_path, b=batch(report("3", ("Rash", "20240101"))), a=batch(report("1", ("Fall", "20240101")), report("2"))
    )
    assert [(r["FILE"], r["MESSAGE"], r["CASE_NUMBER"], r["TERM"], r["source_row"]) for r in found] == [
        ("a.xml", "1", "DE-SPONSOR-1", "Fall", 1), ("a.xml", "2", "DE-SPONSOR-2", None, 2), ("b.xml", "1", "DE-SPONSOR-3", "Rash", 3),
    ]  # fmt: skip


LAUGHS = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS + batch(report("&c;")).split("?>")[1], "document type declaration"),
        (OUTSIDE + batch(report("&a;")).split("?>")[1], "document type declaration"),
        (batch(report("1"))[:-200], "line 5: .*not well-formed XML"),
        (
            "<ichicsr lang='en'><safetyreport/></ichicsr>",
            "its root element is ichicsr; an E2B.R3. file begins with MCCI_IN200100UV01",
        ),
        ("<MCCI_IN200100UV01/>", "of the namespace urn:hl7-org:v3"),
        (batch("<PORR_IN049016UV/>"), "message 1 holds no report"),
        ("case;term\n1;Fall\n", "must be XML|must be an XML|its content is plain text"),
        ("", "empty transfer"),
    ],
)
def test_what_is_no_report_is_refused_with_the_reason(tmp_path, text, message):
    with pytest.raises(CdmError, match=message):
        read(tmp_path, a=text)


def test_an_empty_batch_is_an_empty_dataset(tmp_path):
    assert read(tmp_path, a=batch()) == []


def test_the_four_sample_reports_of_the_fda_load_and_are_set_up_as_the_table_safety(data, realdata):
    scaffold.new("icsr", realdata / "e2b", "2024-03-04")
    study = studies.load("icsr")
    assert (study.folder / "tables" / "safety.sql").exists()
    assert "e2b" in {source.layout for source in study.sources.values()}
    taken = snapshot.ingest(study, "2024-03-04").snapshot
    (dataset,) = layouts.read(realdata / "e2b", "e2b", Options())
    rows = [row for rows in dataset.batches for row in rows.to_pylist()]
    assert taken.datasets[0].rows_stored == len(rows) == 8
    assert {row["TERM"] for row in rows} == {"THROMBOSE VEINEUSE PROFONDE", "COLITE ISCHEMIQUE"}
    assert {row["ONSET"] for row in rows} == {"2014-10-10"}
    assert {row["OUTCOME"] for row in rows} == {"not recovered/not resolved/ongoing", "recovered/resolved"}
    assert [row["DISABILITY"] for row in rows].count("Y") == 3 and all(row["IMPORTANT"] == "Y" for row in rows)
    assert {(row["SEX"], row["BIRTH"]) for row in rows} == {("M", "2001-06-15"), (None, None)}
    assert len({row["CASE_NUMBER"] for row in rows}) == 3
