"""ODM, secuTrial and Viedoc exports: every value becomes text with the way back to its file, hostile files are refused."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pytest

from cdmlib import readers, snapshot, study
from cdmlib.errors import CdmError
from cdmlib.readers import odm, odm_xml, secutrial
from cdmlib.readers.dataset import Dataset, Options

DEFAULT = Options()
PAGE = "<!DOCTYPE html>\n<html><body>Please log in</body></html>"


def put(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def taken(path: Path, layout: str, options: Options = DEFAULT, files=("*",)) -> dict[str, tuple[Dataset, list[dict]]]:
    """Each dataset with its rows; rows in the file = rows stored + rows quarantined holds for every one."""
    found = {}
    for dataset in readers.read(path, layout, options, files):
        rows = [row for batch in dataset.batches for row in batch.to_pylist()]
        assert dataset.rows == len(rows) + len(dataset.quarantine)
        found[dataset.name] = dataset, rows
    return found


def refused(path: Path, layout: str, options: Options = DEFAULT) -> str:
    with pytest.raises(CdmError) as error:
        taken(path, layout, options)
    return str(error.value)


def filled(row: dict) -> dict:
    return {column: value for column, value in row.items() if value is not None}


# --------------------------------------------------------------------------------------------------------------- ODM

NAMESPACES = (
    'xmlns="http://www.cdisc.org/ns/odm/v1.3" xmlns:OpenClinica="http://www.openclinica.org/ns/odm_ext_v130/v3.1"'
)
METADATA = """<Study OID="S"><MetaDataVersion OID="v1">
<ItemDef OID="I_AGE" Name="AGE"><Description><TranslatedText>Years</TranslatedText></Description>
  <Question><TranslatedText xml:lang="en">
     How old <![CDATA[& <b>well</b>]]>
  </TranslatedText><TranslatedText xml:lang="de">Wie alt</TranslatedText></Question></ItemDef>
<ItemDef OID="I_SEX" Name="SEX" Comment="Sex at birth"/></MetaDataVersion></Study>"""
SUBJECT = """<SubjectData SubjectKey="SS_1" OpenClinica:StudySubjectID="101-001" OpenClinica:Sex="f"><SiteRef LocationOID="101"/>
<StudyEventData StudyEventOID="SE_V" StudyEventRepeatKey="2" OpenClinica:StartDate="2024-01-05" OpenClinica:Status="signed">
<FormData FormOID="F_DM" OpenClinica:Status="complete" OpenClinica:Version="V2">
<ItemGroupData ItemGroupOID="IG" ItemGroupRepeatKey="1" TransactionType="Insert" OpenClinica:RecordId="77">
<ItemData ItemOID="I_AGE" Value=" 35 &lt;y&gt; "><MeasurementUnitRef MeasurementUnitOID="MU_Y"/>
 <OpenClinica:AuditLogs EntityID="I_AGE"><OpenClinica:AuditLog ID="AL_1" UserID="U1" DateTimeStamp="2024-01-06T10:00:00"
  AuditType="Item data value updated" ReasonForChange="typo" OldValue="34" NewValue="35" Name="anna"/></OpenClinica:AuditLogs>
 <OpenClinica:DiscrepancyNotes EntityID="I_AGE"><OpenClinica:DiscrepancyNote ID="DN_1" Status="Closed" NoteType="Query"
  DateUpdated="2024-01-08" NumberOfChildNotes="2"><OpenClinica:ChildNote ID="CDN_1" Status="New" DateCreated="2024-01-07">
  <OpenClinica:Description>too old</OpenClinica:Description><OpenClinica:DetailedNote>check</OpenClinica:DetailedNote>
  <UserRef UserOID="U1"/></OpenClinica:ChildNote><OpenClinica:ChildNote ID="CDN_2" Status="Closed" DateCreated="2024-01-08"/>
 </OpenClinica:DiscrepancyNote></OpenClinica:DiscrepancyNotes></ItemData>
<ItemData ItemOID="I_SEX" IsNull="Yes" OpenClinica:ReasonForNull="NASK" TransactionType="Remove"/>
<ItemDataString ItemOID="I_NOTE">line 1
line 2</ItemDataString><ItemData ItemOID="I_EMPTY" Value=""/>
</ItemGroupData>
<OpenClinica:AuditLogs EntityID="F_DM"><OpenClinica:AuditLog ID="AL_2" AuditType="complete"/></OpenClinica:AuditLogs>
</FormData></StudyEventData>
<AuditRecord><UserRef UserOID="U2"/><LocationRef LocationOID="L"/><DateTimeStamp>2024-02-01</DateTimeStamp></AuditRecord>
<Annotation SeqNum="1"><Comment>not read</Comment></Annotation>
</SubjectData>"""


def document(
    inside: str = SUBJECT, metadata: str = METADATA, attributes: str = 'ODMVersion="1.3"', head: str = ""
) -> str:
    clinical = f'<ClinicalData StudyOID="S_101" MetaDataVersionOID="v1">{inside}</ClinicalData>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}<ODM {NAMESPACES} {attributes}>\n{metadata}\n{clinical}\n</ODM>\n'


@pytest.fixture
def full(tmp_path) -> dict[str, tuple[Dataset, list[dict]]]:
    return taken(put(tmp_path, "oc.xml", document()), "odm")


PLACE = {
    "StudyOID": "S_101", "MetaDataVersionOID": "v1", "SubjectKey": "SS_1", "StudySubjectID": "101-001",
    "StudyEventOID": "SE_V", "StudyEventRepeatKey": "2", "FormOID": "F_DM", "ItemGroupOID": "IG", "ItemGroupRepeatKey": "1",
}  # fmt: skip
AROUND = {"StudyEventStartDate": "2024-01-05", "StudyEventStatus": "signed", "FormStatus": "complete", "RecordId": "77"}


def test_each_item_value_is_a_row_with_its_place_its_label_and_its_running_number(full):
    _, rows = full["ITEMS"]
    assert [filled(row) for row in rows] == [
        PLACE | AROUND | {"ItemOID": "I_AGE", "ItemName": "AGE", "ItemLabel": "How old & <b>well</b>", "Value": " 35 <y> ",
                          "MeasurementUnitOID": "MU_Y", "TransactionType": "Insert", "source_row": 1},
        PLACE | AROUND | {"ItemOID": "I_SEX", "ItemName": "SEX", "ItemLabel": "Sex at birth", "IsNull": "Yes",
                          "ReasonForNull": "NASK", "TransactionType": "Remove", "source_row": 2},
        PLACE | AROUND | {"ItemOID": "I_NOTE", "Value": "line 1\nline 2", "TransactionType": "Insert", "source_row": 3},
        PLACE | AROUND | {"ItemOID": "I_EMPTY", "TransactionType": "Insert", "source_row": 4},
    ]  # fmt: skip


def test_subjects_events_and_forms_are_datasets_with_their_own_attributes(full):
    subject = {key: PLACE[key] for key in ("StudyOID", "MetaDataVersionOID", "SubjectKey", "StudySubjectID")}
    event = subject | {"StudyEventOID": "SE_V", "StudyEventRepeatKey": "2"}
    assert filled(full["SUBJECTS"][1][0]) == subject | {"Sex": "f", "LocationOID": "101", "source_row": 1}
    assert filled(full["EVENTS"][1][0]) == event | {"StartDate": "2024-01-05", "Status": "signed", "source_row": 1}
    form = event | {"FormOID": "F_DM", "Status": "complete", "Version": "V2", "source_row": 1}
    assert filled(full["FORMS"][1][0]) == form
    assert "FormRepeatKey" in full["FORMS"][0].columns, "a key column is there even when a file never uses it"


def test_audit_records_say_of_what_who_when_and_why(full):
    found = [(r["EntityType"], r["EntityID"], r["ItemOID"], r["UserID"], r["DateTimeStamp"], r["AuditType"],
              r["ReasonForChange"], r["OldValue"], r["NewValue"]) for r in full["AUDIT"][1]]  # fmt: skip
    assert found == [
        ("Item", "I_AGE", "I_AGE", "U1", "2024-01-06T10:00:00", "Item data value updated", "typo", "34", "35"),
        ("Form", "F_DM", None, None, None, "complete", None, None, None),
        ("Subject", None, None, "U2", "2024-02-01", None, None, None, None),
    ]
    assert full["AUDIT"][1][0]["Name"] == "anna"


def test_discrepancy_notes_are_flattened_with_their_parent(full):
    found = [(r["ID"], r["ParentID"], r["EntityID"], r["Status"], r["NoteType"], r["DateCreated"], r["DateUpdated"], r["UserID"],
              r["Description"], r["DetailedNote"]) for r in full["NOTES"][1]]  # fmt: skip
    assert found == [
        ("DN_1", None, "I_AGE", "Closed", "Query", None, "2024-01-08", None, None, None),
        ("CDN_1", "DN_1", "I_AGE", "New", None, "2024-01-07", None, "U1", "too old", "check"),
        ("CDN_2", "DN_1", "I_AGE", "Closed", None, "2024-01-08", None, None, None, None),
    ]


def test_what_is_left_out_of_the_clinical_data_is_counted(full):
    assert full["ITEMS"][0].notes == ["1 Annotation element(s) of the clinical data left out"]


def test_a_subject_without_a_name_of_its_own_is_called_by_its_key_and_levels_may_be_missing(tmp_path):
    item = '<ItemGroupData ItemGroupOID="IG"><ItemData ItemOID="I" Value="1"/></ItemGroupData>'
    inside = (
        f'<SubjectData SubjectKey="7" TransactionType="Update"><FormData FormOID="F">{item}</FormData></SubjectData>'
    )
    found = taken(put(tmp_path, "a.xml", document(inside, "", 'FileType="Transactional"')), "odm")
    (row,) = found["ITEMS"][1]
    assert (row["StudySubjectID"], row["StudyEventOID"], row["TransactionType"]) == ("7", None, "Update")
    assert "StudyEventStatus" not in found["ITEMS"][0].columns
    assert "transactions" in found["ITEMS"][0].notes[0] and "no item definitions" in found["ITEMS"][0].notes[1]


def test_rows_are_the_same_however_they_are_spooled_and_columns_may_turn_up_late(tmp_path, monkeypatch):
    subjects = [SUBJECT.replace("SS_1", f"SS_{number}") for number in range(1, 6)]
    subjects[3] = subjects[3].replace('OpenClinica:Sex="f"', 'OpenClinica:Sex="f" OpenClinica:Status="removed"')
    path = put(tmp_path, "oc.xml", document("".join(subjects)))
    at_once = taken(path, "odm")
    monkeypatch.setattr(odm, "BATCH_ROWS", 1)
    datasets = list(readers.read(path, "odm", DEFAULT))
    assert {name: rows for name, (_, rows) in taken(path, "odm").items()} == {
        n: rows for n, (_, rows) in at_once.items()
    }
    assert [row["Status"] for row in at_once["SUBJECTS"][1]] == [None, None, None, "removed", None]
    assert [row["source_row"] for row in at_once["ITEMS"][1]] == list(range(1, 21))
    assert len(list(datasets[0].batches)) == 5, "five subjects, spooled one by one"


def test_values_declared_missing_are_empty(tmp_path):
    path = put(tmp_path, "a.xml", document(SUBJECT.replace(" 35 &lt;y&gt; ", "NA")))
    assert taken(path, "odm", Options(missing=("NA",)))["ITEMS"][1][0]["Value"] is None


def test_an_encoding_is_read_as_the_file_says_or_as_is_declared(tmp_path):
    text = document(SUBJECT.replace("line 1", "é"))
    for name, content, options in [
        ("own.xml", text.replace("UTF-8", "ISO-8859-15").encode("iso8859-15"), DEFAULT),
        ("mark.xml", b"\xef\xbb\xbf" + text.encode(), DEFAULT),
        ("wide.xml", text.replace("UTF-8", "UTF-16").encode("utf-16"), DEFAULT),
        ("declared.xml", text.encode("cp1252"), Options("cp1252")),
    ]:
        assert taken(put(tmp_path, name, content), "odm", options, (name,))["ITEMS"][1][2]["Value"] == "é\nline 2"


BOMB = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(12))
NESTED = "<A>" * 200 + "</A>" * 200
BAD_XML = [  # what, content, what the message must say
    ("entity bomb", document("&l12;", head=f'<!DOCTYPE ODM [<!ENTITY l0 "x">{BOMB}]>'), ["document type declaration"]),
    ("entity bomb in a value", document('<SubjectData SubjectKey="&l12;"/>', head=f'<!DOCTYPE ODM [<!ENTITY l0 "x">{BOMB}]>'),
     ["oc.xml"]),
    ("external entity", document("&secret;", head='<!DOCTYPE ODM [<!ENTITY secret SYSTEM "secret.txt">]>'),
     ["document type declaration", "fetch other files"]),
    ("external DTD", document(head='<!DOCTYPE ODM SYSTEM "http://localhost:9/odm.dtd">'), ["document type declaration"]),
    ("parameter entity", document(head='<!DOCTYPE ODM [<!ENTITY % x SYSTEM "secret.txt"> %x;]>'), ["document type declaration"]),
    ("undeclared entity", document("&other;"), ["line 9", "other"]),
    ("truncated", document()[:-200], ["line 27", "may be cut"]),
    ("two documents", document() + document(), ["line 31", "well-formed"]),
    ("no end tag", document("<SubjectData>"), ["line 9", "mismatch"]),
    ("wrong encoding", document(SUBJECT.replace("line 1", "é")).encode("latin-1"), ["line 22", "another encoding"]),
    ("unknown encoding", document().replace("UTF-8", "KLINGON"), ["line 1", "encoding"]),
    ("null character", document("&#0;"), ["line 9"]),
    ("too deep", document(NESTED), ["line 9", "nested more than 100 deep"]),
    ("another root", "<?xml version='1.0'?><Bundle xmlns='http://hl7.org/fhir'/>", ["CDISC ODM 1.3", "Bundle"]),
    ("ODM 2.0", '<ODM xmlns="http://www.cdisc.org/ns/odm/v2.0" ODMVersion="2.0"/>', ["CDISC ODM 1.3", "2.0"]),
    ("two spellings of an attribute", document('<SubjectData SubjectKey="1" Sex="f" sex="m"/>'), ["Sex/sex"]),
    ("html", PAGE, ["web page"]),
    ("html with an XML head", "<?xml version='1.0'?>\n<html><body/></html>", ["web page"]),
    ("text", "SubjectKey,Value\n1,2\n", ["must be XML", "plain text"]),
    ("nothing", "", ["empty transfer"]),
]  # fmt: skip


@pytest.mark.parametrize(("what", "content", "said"), BAD_XML, ids=[what for what, _, _ in BAD_XML])
def test_hostile_and_broken_xml_is_refused_and_says_where(tmp_path, what, content, said):
    put(tmp_path, "secret.txt", "the secret")
    message = refused(put(tmp_path, "oc.xml", content), "odm")
    assert message.startswith("oc.xml") and all(part in message for part in said)
    assert "the secret" not in message


def test_an_encoding_that_xml_has_not_is_an_error(tmp_path):
    assert "can't be read as 'punycode'" in refused(put(tmp_path, "oc.xml", document()), "odm", Options("punycode"))


@pytest.mark.parametrize("content", [document(""), document("").replace("ClinicalData", "Association")])
def test_a_file_without_subjects_is_noted(tmp_path, content):
    found = taken(put(tmp_path, "oc.xml", content), "odm")
    assert list(found) == ["ITEMS", "SUBJECTS", "EVENTS", "FORMS", "AUDIT", "NOTES"]
    assert found["ITEMS"][0].notes[0] == "no subject in the file" and not any(rows for _, rows in found.values())
    assert not odm.has_subjects(tmp_path / "oc.xml", "oc.xml")


def test_memory_holds_no_more_than_what_is_open(tmp_path):
    path = put(tmp_path, "oc.xml", document(SUBJECT * 500))
    most = 0
    for event, name, element in odm_xml.elements(path, "oc.xml"):
        if event == "end" and name == "SubjectData":
            most = max(most, sum(1 for _ in element.getroottree().iter()))
    assert most < 1000, "a subject, its parents and what is read ahead; five hundred subjects have 12,000 elements"


KEY = ("SubjectKey", "StudyEventOID", "StudyEventRepeatKey", "FormOID", "FormRepeatKey", "ItemGroupOID",
       "ItemGroupRepeatKey", "ItemOID")  # fmt: skip


def items_by_hand(path: Path) -> list[tuple[tuple, str]]:
    """Key and value of every item of an ODM file, by the standard library alone."""
    found = []

    def walk(element, key: dict) -> None:
        key = key | {name: value for name, value in element.attrib.items() if name in KEY}
        if element.tag.endswith("}ItemData"):
            found.append((tuple(key.get(name) for name in KEY), element.get("Value") or None))
        for child in element:
            walk(child, key)

    for clinical in ElementTree.parse(path).getroot():
        if clinical.tag.endswith("}ClinicalData"):
            walk(clinical, {})
    return found


def difference(old: list, new: list) -> tuple[int, int, int]:
    """New, changed and gone items; the key must name each item once."""
    before, after = dict(old), dict(new)
    assert (len(before), len(after)) == (len(old), len(new))
    changed = sum(before[key] != after[key] for key in before.keys() & after.keys())
    return len(after.keys() - before.keys()), changed, len(before.keys() - after.keys())


def test_real_openclinica_exports_of_two_dates_differ_in_1932_new_2_changed_and_no_gone_items(realdata):
    files = ("juno_2015-08-21.xml", "juno_2016-08-01.xml")
    by_hand = [items_by_hand(realdata / "openclinica" / file) for file in files]
    read = []
    for file in files:
        _, rows = taken(realdata / "openclinica", "odm", files=(file,))["ITEMS"]
        read.append([(tuple(row[name] for name in KEY), row["Value"]) for row in rows])
    assert read == by_hand
    assert difference(*by_hand) == difference(*read) == (1932, 2, 0)


@pytest.mark.parametrize(
    "file", ["openclinica/juno_2015-08-21.xml", "openclinica/juno_2016-08-01.xml", "openedc/clinicaldata.xml"]
)
def test_real_odm_files_give_as_many_rows_as_there_are_elements(realdata, file):
    path = realdata / file
    found = {name: len(rows) for name, (_, rows) in taken(path, "odm").items()}
    count = Counter(element.tag.rsplit("}", 1)[-1] for element in ElementTree.parse(path).iter())
    assert found == {
        "ITEMS": count["ItemData"], "SUBJECTS": count["SubjectData"], "EVENTS": count["StudyEventData"],
        "FORMS": count["FormData"], "AUDIT": count["AuditLog"] + count["AuditRecord"],
        "NOTES": count["DiscrepancyNote"] + count["ChildNote"],
    }  # fmt: skip
    assert found["ITEMS"] in (1976, 3908, 1684)


def test_real_item_names_come_from_the_metadata_in_the_same_file(realdata):
    dataset, rows = taken(realdata / "openclinica" / "juno_2016-08-01.xml", "odm")["ITEMS"]
    assert all(row["ItemName"] for row in rows) and {"StudyEventStartDate", "FormStatus"} <= set(dataset.columns)
    assert all(row["ItemLabel"] == " ".join(row["ItemLabel"].split()) for row in rows if row["ItemLabel"])


# --------------------------------------------------------------------------------------------------------- secuTrial

OPTIONS_PAGE = (
    '<!DOCTYPE HTML>\n<html><head><meta http-equiv="content-type" content="text/html; charset={}" /></head></html>'
)
AE = '"mnppid"\t"mnpaeno"\t"aeterm"\t""\n"1"\t"1"\t"Kopfschmerz\nwährend der Nacht"\t""\n"2"\t"1"\t"5"" Schnitt"\t""\n'
CODES = (
    '"column"\t"code"\t"value"\n"sex"\t"1"\t"männlich"\n"mnpfsct"\t"1"\t"with\ncomment"\t""\n"mnpfsct"\t"2"\t"x"\t"y"\n'
)


@pytest.mark.parametrize(
    ("stem", "name"),
    [("ae", "AE"), ("mnpabc01ae_ABC01_20240131-120000", "AE"), ("atmnpabc01ae_ABC01_20240131-120000", "ATAE"),
     ("emnpabc01lab_ABC01_20240131-120000", "ELAB"), ("atemnpabc01lab_ABC01_20240131-120000", "ATELAB"),
     ("casenodes_ABC01_20240131-120000", "CN"), ("atcasenodes_ABC01_20240131-120000", "ATCN"),
     ("atcasevisitplans_ABC01_20240131-120000", "ATCVP"), ("visitplanforms_ABC01_20240131-120000", "VPFS"),
     ("cl_ABC01_20240131-120000", "CL"), ("mnpxyz9ae_ABC01_20240131-120000", "MNPXYZ9AE"), ("forms", "FORMS"),
     ("ae_1_2", "AE_1_2")],
)  # fmt: skip
def test_a_table_has_one_name_whether_or_not_its_file_name_is_shortened(tmp_path, stem, name):
    assert list(taken(put(tmp_path, f"{stem}.xls", AE), "secutrial")) == [name]


def test_quoted_tab_separated_values_are_stored_without_the_empty_last_column(tmp_path):
    dataset, rows = taken(put(tmp_path, "ae.xls", AE), "secutrial")["AE"]
    assert dataset.columns == ("mnppid", "mnpaeno", "aeterm") and not dataset.quarantine
    assert [tuple(row.values()) for row in rows] == [
        ("1", "1", "Kopfschmerz\nwährend der Nacht", 2),
        ("2", "1", '5" Schnitt', 4),
    ]


def test_the_code_list_keeps_its_rows_with_an_empty_value_too_many_in_their_order(tmp_path):
    dataset, rows = taken(put(tmp_path, "cl.xls", CODES), "secutrial")["CL"]
    assert [tuple(row.values()) for row in rows] == [("sex", "1", "männlich", 2), ("mnpfsct", "1", "with\ncomment", 3)]
    assert [row.row for row in dataset.quarantine] == [5], "a value, not an empty one, beyond the last column"
    assert "1 row(s) end with an empty value" in " ".join(dataset.notes)


def test_a_row_too_long_with_bytes_that_cannot_be_read_stays_in_quarantine(tmp_path):
    content = '"column"\t"code"\t"value"\n"a"\t"1"\t"m\xe4nnlich"\t""\n"b"\t"1"\t"x"\t""\n'.encode("latin-1")
    dataset, rows = taken(put(tmp_path, "cl.xls", content), "secutrial")["CL"]
    assert [row["column"] for row in rows] == ["b"] and dataset.quarantine[0].text == '"a"\t"1"\t"m\\xE4nnlich"\t""'


@pytest.mark.parametrize(
    ("what", "content", "options", "said"),
    [("html", PAGE, DEFAULT, ["web page"]),
     ("an Excel workbook", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, DEFAULT, ["Office 97-2003"]),
     ("another delimiter", '"mnppid","aeterm"\n"1","x"\n', DEFAULT, ["separated by tabs", 'layout = "csv"']),
     ("utf-16 declared utf-8", AE.encode("utf-16"), DEFAULT, ["byte order mark of utf-16"]),
     ("unclosed quote", AE + '"3"\t"1"\t"x', DEFAULT, ["line 5", "does not end"]),
     ("no such encoding", AE, Options("klingon"), ["'klingon' is not an encoding"]),
     ("nothing", "", DEFAULT, ["empty transfer"])],
)  # fmt: skip
def test_secutrial_files_that_cannot_be_read_as_declared_are_refused(tmp_path, what, content, options, said):
    message = refused(put(tmp_path, "ae.xls", content), "secutrial", options)
    assert all(part in message for part in said)


def test_a_wrong_encoding_quarantines_the_rows_and_says_what_to_declare(tmp_path):
    path = put(tmp_path, "ae.xls", AE.encode("mac-roman"))
    dataset, rows = taken(path, "secutrial")["AE"]
    assert len(rows) == 1 and 'declare encodings.ae = "' in dataset.quarantine[0].reason
    assert len(taken(path, "secutrial", Options(encodings={"AE": "mac-roman"}))["AE"][1]) == 2


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("UTF-8", "utf-8"),
        ("MacRoman", "mac-roman"),
        ("ISO-8859-15", "iso8859-15"),
        ("UTF-16", "utf-16"),
        ("KLINGON", "cp1252"),
    ],
)
def test_a_secutrial_export_is_recognised_and_read_in_the_encoding_that_it_names(tmp_path, charset, encoding):
    name = {"KLINGON": "cp1252"}.get(charset, charset)
    put(tmp_path, "edc/ExportOptions_ABC01_20240131-120000.html", OPTIONS_PAGE.format(charset).encode(name))
    put(tmp_path, "edc/mnpabc01ae_ABC01_20240131-120000.xls", AE.encode(name))
    put(tmp_path, "lab/lb.xls", "A\tB\n1\t2\n")
    secu, other = sorted(readers.recognise(tmp_path), key=lambda found: found.layout != "secutrial")
    assert (secu.layout, secu.files, secu.options, secu.datasets) == (
        "secutrial",
        ("edc/*.xls",),
        Options(encoding),
        ("AE",),
    )
    assert (other.layout, other.files) == ("csv", ("lab/*.xls",))
    assert "read for the encoding" in secu.left["edc/ExportOptions_ABC01_20240131-120000.html"]
    assert len(taken(tmp_path, secu.layout, secu.options, secu.files)["AE"][1]) == 2


def rows_by_hand(content: bytes, encoding: str) -> int:
    text = content.decode(encoding).replace("\ufeff", "")
    return sum(1 for row in csv.reader(io.StringIO(text, newline=""), delimiter="\t") if row) - 1


@pytest.mark.parametrize(
    ("file", "encoding", "count"),
    [("BMD_short_en_utf8", "utf-8", 13), ("CTU05_short_ref_miss_fr_utf16", "utf-16", 31),
     ("CTU05_short_ref_miss_fr_macroman", "mac-roman", 31), ("TES05_short_ref_en_iso8859-15", "iso8859-15", 18),
     ("CTU06_version1", "utf-8", 28), ("CTU06_version2", "utf-8", 32), ("CTU06_version3", "utf-8", 32)],
)  # fmt: skip
def test_real_secutrial_exports_are_recognised_and_keep_every_row(realdata, file, encoding, count):
    path = realdata / "secutrial" / f"s_export_CSV-xls_{file}.zip"
    (proposal,) = readers.recognise(path)
    assert (proposal.layout, proposal.files, proposal.options) == ("secutrial", ("*.xls",), Options(encoding))
    found = taken(path, proposal.layout, proposal.options, proposal.files)
    assert tuple(found) == proposal.datasets and len(found) == count
    with zipfile.ZipFile(path) as archive:
        for dataset, rows in found.values():
            assert len(rows) == rows_by_hand(archive.read(dataset.file), encoding) and not dataset.quarantine


def test_real_accents_are_the_same_in_every_encoding_of_one_export(realdata):
    texts = []
    for file, encoding in [("utf16", "utf-16"), ("macroman", "mac-roman")]:
        path = realdata / "secutrial" / f"s_export_CSV-xls_CTU05_short_ref_miss_fr_{file}.zip"
        found = taken(path, "secutrial", Options(encoding))
        texts.append(
            {name: [tuple(row.values()) for row in found[name][1]] for name in ("CTR", "CL", "IS", "BASELINE")}
        )
    assert texts[0] == texts[1] and "Charité" in str(texts[0]["CTR"])


def study_of(folder: Path, layout: str, more: str = "") -> study.Study:
    name = folder.name
    put(folder, "study.toml", f'[study]\nid = "{name}"\ntitle = "x"\n\n[sources.edc]\nlayout = "{layout}"\n{more}')
    return study.load(name)


def test_real_versions_of_one_study_load_as_weekly_extracts_and_tell_what_changed(realdata, data):
    made = study_of(data / "ctu06", "secutrial", 'subject = "mnppid"\n')
    for version in (1, 2, 3):  # shortened table names in the second, full ones in the others
        folder = data / "ctu06" / "incoming" / f"2019-10-0{version}"
        folder.mkdir(parents=True)
        shutil.copy(realdata / "secutrial" / f"s_export_CSV-xls_CTU06_version{version}.zip", folder)
    loads = [snapshot.ingest(made, f"2019-10-0{version}") for version in (1, 2, 3)]  # no guard holds any of them
    assert all(load.stored for load in loads) and len(snapshot.list_all(made)) == 3
    assert all(
        (report := snapshot.load_report(load.snapshot)).rows_in_file.equals(report.rows_stored) for load in loads
    )
    assert loads[0].snapshot.differences == []
    assert list(snapshot.differences(loads[1].snapshot).difference) == [
        "edc.ANEWFORM: new dataset, 0 rows", "edc.ANOTHERNEWFORM: new dataset, 0 rows", "edc.ATANEWFORM: new dataset, 0 rows",
        "edc.ATANOTHERNEWFORM: new dataset, 0 rows", "edc.ATOUTCOME: column new_item_in_fu added",
        "edc.OUTCOME: column new_item_in_fu added",
    ]  # fmt: skip
    last = loads[2].snapshot.differences
    assert "edc.ESURGERIES: column yet_another_item added" in last and "edc.AE: column mnpaid added" in last
    assert all(line.endswith(" added") for line in last)


# ------------------------------------------------------------------------------------------------------------ Viedoc

IDS = "SiteSeq,SiteCode,SubjectSeq,SubjectId,FormId,ItemId,ItemValue"
LABELS = 'Site sequence number,Site code,Subject sequence number,"Subject Id",Form Id,Item Id,Item value'
ROWS = "2,9700,1,9700-001,AE,AETERM,Headache\n2,9700,1,9700-001,AE,AESEV,\n"
LONG = f"{LABELS}\n{IDS}\n{ROWS}"
WIDE = "Site seq,Subject Id,Start date,,Start date\nSiteSeq,SubjectId,AE.AESTDAT,AESTDAT_2,AESTDAT__3\n1,001,2024-01-05,x,\n"


@pytest.mark.parametrize(
    ("content", "options", "first", "label"),
    [(LONG, DEFAULT, 3, "Site sequence number"), (WIDE, DEFAULT, 3, "Site seq"),
     (LONG, Options(header_row=2), 3, "Site sequence number"), ("\ufeff" + LONG, DEFAULT, 3, "Site sequence number"),
     (LONG.encode("utf-16"), Options("utf-16"), 3, "Site sequence number"),
     (LONG.replace("\n", "\r\n"), DEFAULT, 3, "Site sequence number"),
     (LONG.replace(",", ";"), Options(delimiter=";"), 3, "Site sequence number"),
     ("Exported 2024\n" + LONG, Options(header_row=3), 4, "Site sequence number"),
     (LONG.replace("Site sequence number", '"Site\nsequence, number"'), DEFAULT, 4, "Site\nsequence, number")],
)  # fmt: skip
def test_ids_are_the_column_names_and_the_row_above_their_labels(tmp_path, content, options, first, label):
    dataset, rows = taken(put(tmp_path, "S_20240131_120000_AE.csv", content), "viedoc", options)["AE"]
    assert dataset.columns[0] == "SiteSeq" and "SubjectId" in dataset.columns and not dataset.quarantine
    assert dataset.labels["SiteSeq"] == label and dataset.labels["SubjectId"] == "Subject Id"
    assert rows[0]["source_row"] == first and len(rows) == (1 if content == WIDE else 2)
    assert list(rows[-1].values())[-2] is None, "an empty value"


def test_labels_may_be_missing_and_may_repeat(tmp_path):
    dataset, _ = taken(put(tmp_path, "AE.csv", WIDE), "viedoc")["AE"]
    labels = {"SiteSeq": "Site seq", "SubjectId": "Subject Id", "AE.AESTDAT": "Start date", "AESTDAT__3": "Start date"}
    assert dataset.labels == labels


@pytest.mark.parametrize(
    ("what", "content", "options", "said"),
    [("ids and no labels", f"{IDS}\n{ROWS}", DEFAULT, ["line 1 must hold labels and line 2 one id for each", "'2' is no id"]),
     ("labels and no ids", f"{LABELS}\n{ROWS}", DEFAULT, ["line 2 one id for each", "both header rows"]),
     ("one line", LABELS, DEFAULT, ["given 7 and 0 values"]),
     ("fewer ids than labels", f"{LABELS}\n{IDS.removesuffix(',ItemValue')}\n", DEFAULT, ["given 7 and 6 values"]),
     ("another delimiter", LONG.replace(",", ";"), DEFAULT, ["declared delimiter ','", 'delimiter = ";"']),
     ("the same id twice", LONG.replace("ItemId", "FormId"), DEFAULT, ["FormId/FormId"]),
     ("utf-16 declared utf-8", LONG.encode("utf-16"), DEFAULT, ["byte order mark of utf-16"]),
     ("unclosed quote", LONG + '"3,', DEFAULT, ["line 5", "does not end"]),
     ("a label that does not end", '"' + LONG * 2000, DEFAULT, ["S_20240131_120000_AE.csv"]),
     ("html", PAGE, DEFAULT, ["web page"]), ("xml", "<?xml version='1.0'?><ODM/>", DEFAULT, ["its content is XML"]),
     ("nothing", "", DEFAULT, ["empty transfer"])],
)  # fmt: skip
def test_viedoc_files_without_two_fitting_header_rows_are_refused(tmp_path, what, content, options, said):
    message = refused(put(tmp_path, "S_20240131_120000_AE.csv", content), "viedoc", options)
    assert all(part in message for part in said)


def test_viedoc_bytes_in_another_encoding_are_quarantined_under_the_short_name(tmp_path):
    path = put(tmp_path, "S_20240131_120000_AE.csv", LONG.replace("Headache", "Übelkeit").encode("cp1252"))
    dataset, rows = taken(path, "viedoc")["AE"]
    assert len(rows) == 1 and (dataset.quarantine[0].dataset, dataset.quarantine[0].row) == ("AE", 3)
    assert 'declare encodings.ae = "cp1252"' in dataset.quarantine[0].reason
    assert len(taken(path, "viedoc", Options(encodings={"AE": "cp1252"}))["AE"][1]) == 2


def test_exports_of_two_weeks_are_the_same_datasets_although_their_files_carry_the_time(data):
    made = study_of(data / "weekly", "viedoc")
    for day in ("04", "11"):
        put(data / "weekly", f"incoming/2024-03-{day}/S_202403{day}_120000_AE.csv", LONG)
        loaded = snapshot.ingest(made, f"2024-03-{day}").snapshot
    assert [(d.name, d.rows_stored, d.subjects) for d in loaded.datasets] == [("AE", 2, 1)] and loaded.differences == []


def test_real_viedoc_exports_keep_every_row(realdata):
    found = taken(realdata / "viedoc", "viedoc")
    assert len(found) == 15 and sum(len(rows) for _, rows in found.values()) > 3000
    for dataset, rows in found.values():
        with (realdata / "viedoc" / dataset.file).open(encoding="utf-8", newline="") as file:
            labels, ids, *below = csv.reader(file)
        assert [list(row.values())[:-1] for row in rows] == [[value or None for value in row] for row in below]
        assert dataset.columns == tuple(ids) and dataset.labels == dict(zip(ids, labels, strict=True))
        assert dataset.quarantine == []


# ------------------------------------------------------------------------------------------------------- recognising


def test_odm_is_recognised_when_it_has_subjects(tmp_path):
    put(tmp_path, "data/oc.xml", document())
    put(tmp_path, "data/define.xml", document("").replace("ClinicalData", "Association"))
    put(tmp_path, "data/cut.xml", document()[:300])
    put(tmp_path, "data/bomb.xml", document(head="<!DOCTYPE ODM [<!ENTITY a 'b'>]>"))
    put(tmp_path, "fhir.xml", "<Bundle xmlns='http://hl7.org/fhir'/>")
    (found,) = readers.recognise(tmp_path)
    assert (found.layout, found.files, found.options) == ("odm", ("data/oc.xml",), DEFAULT)
    assert found.datasets == ("ITEMS", "SUBJECTS", "EVENTS", "FORMS", "AUDIT", "NOTES")
    assert "line 9" in found.left["data/cut.xml"] or "may be cut" in found.left["data/cut.xml"]
    assert "document type declaration" in found.left["data/bomb.xml"]
    assert found.left["data/define.xml"] == found.left["fhir.xml"] == "XML, which is not read as data"


def test_real_exports_are_recognised(realdata):
    (found,) = readers.recognise(realdata / "openedc")
    assert (found.layout, found.files, set(found.left)) == ("odm", ("clinicaldata.xml",), {"metadata.xml"})
    (found,) = readers.recognise(realdata / "viedoc")
    assert (found.layout, found.files, found.options) == ("viedoc", ("*.csv",), DEFAULT)
    assert found.datasets[:3] == ("AE", "CM", "CP"), "without study and time of the export"


def test_every_layout_gives_text_alone(tmp_path):
    put(tmp_path, "a.xml", document())
    put(tmp_path, "a.xls", AE)
    put(tmp_path, "a.csv", LONG)
    for layout in ("odm", "secutrial", "viedoc"):
        for dataset in readers.read(tmp_path, layout, DEFAULT):
            for batch in dataset.batches:
                assert set(batch.schema.types[:-1]) == {pa.string()} and batch.schema.names[:-1] == list(
                    dataset.columns
                )


def test_the_description_of_an_export_names_its_encoding_or_none(tmp_path):
    assert secutrial.encoding(put(tmp_path, "ExportOptions.html", "<html></html>")) == ""
