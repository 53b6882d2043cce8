"""Readers: nothing is lost between a file and its dataset, and what can't be read is said."""

from __future__ import annotations

import ctypes
import datetime
import importlib.util
import json
import math
import stat
import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyreadstat
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdmlib import readers
from cdmlib.errors import CdmError
from cdmlib.readers import as_text, csv_text, extract, xpt
from cdmlib.readers.dataset import ROW, Options

DEFAULT = Options()
FREELY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def put(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def taken(path: Path, layout: str, options: Options = DEFAULT, files: tuple[str, ...] = ("*",)) -> dict:
    """Every dataset by name, read to its end, as (dataset, its rows as tuples); rows in must be rows out."""
    found = {}
    for dataset in readers.read(path, layout, options, files):
        batches = list(dataset.batches)
        rows = [tuple(row.values()) for batch in batches for row in batch.to_pylist()]
        for batch in batches:
            assert batch.schema.names == [*dataset.columns, ROW]
            assert set(batch.schema.types[:-1]) <= {pa.string()} and batch.schema.types[-1] == pa.int64()
        assert dataset.rows == len(rows) + len(dataset.quarantine)
        found[dataset.name] = dataset, rows
    return found


def one(path: Path, layout: str, options: Options = DEFAULT):
    (result,) = taken(path, layout, options).values()
    return result


def refused(path: Path, layout: str, options: Options = DEFAULT) -> str:
    with pytest.raises(CdmError) as error:
        taken(path, layout, options)
    return str(error.value)


# ---------------------------------------------------------------------------------------------------- delimited text

SEMI, UTF16, CP1252 = Options(delimiter=";"), Options(encoding="utf-16"), Options(encoding="cp1252")
TAB = Options(delimiter="\t")

STORED = [  # what the file holds, how it is declared, the rows with their lines, a note
    ("A,B\n1,2\n", Options(), [("1", "2", 2)], ""),
    ("A,B\r\n1,2\r\n", Options(), [("1", "2", 2)], ""),
    ("A,B\r1,2\r", Options(), [("1", "2", 2)], ""),
    ('A,B\n"x\ny",2\n3,4\n', Options(), [("x\ny", "2", 2), ("3", "4", 4)], ""),
    ('A,B\n"x\r\ny",2\r\n3,4\n', Options(), [("x\r\ny", "2", 2), ("3", "4", 4)], ""),
    ('A,B\n"say ""hi""",5" tall\n', Options(), [('say "hi"', '5" tall', 2)], ""),
    ("A,B\n,  \n", Options(), [(None, "  ", 2)], ""),
    ('A,B\n"",x\n', Options(), [(None, "x", 2)], ""),
    ("A,B\n007,1E5\n=1+1,NA\n", Options(), [("007", "1E5", 2), ("=1+1", "NA", 3)], ""),
    ("A,B\nNA,.\n", Options(missing=("NA", ".")), [(None, None, 2)], ""),
    ("A;B\n1,5;2\n", SEMI, [("1,5", "2", 2)], ""),
    ("A\tB\n1\t2\n", TAB, [("1", "2", 2)], ""),
    ("'A'|'B|'\n", Options(delimiter="|", quote="'"), [], "column names only"),
    ('A,B\n"1,2\n', Options(quote=""), [('"1', "2", 2)], ""),
    ("\ufeffA,B\n1,é\n", Options(), [("1", "é", 2)], "byte order mark of utf-8"),
    ("\ufeffA,B\n1,é\n".encode("utf-16-le"), UTF16, [("1", "é", 2)], "byte order mark of utf-16"),
    ("\ufeffA,B\n1,é\n".encode("utf-16-be"), UTF16, [("1", "é", 2)], "byte order mark of utf-16"),
    ("A,B\n1,é\n".encode("utf-16-le"), Options(encoding="utf-16-le"), [("1", "é", 2)], ""),
    ('\ufeff"A"\ufeff\t\ufeff"B"\n"1"\ufeff\t\ufeff"2"\n'.encode("utf-16"), Options("utf-16", delimiter="\t"),
     [("1", "2", 2)], "5 byte order mark(s) inside"),
    ("A,B\n1,é€\n".encode("cp1252"), CP1252, [("1", "é€", 2)], ""),
    ("A,B\n1,日本\n".encode("shift_jis"), Options(encoding="shift_jis"), [("1", "日本", 2)], ""),
    ("A,B\n", Options(), [], "column names only"),
    ("A,B", Options(), [], "no line end"),
    ("A,B\n1,2", Options(), [("1", "2", 2)], "no line end"),
    ("A,B\n1,2\n\n\n", Options(), [("1", "2", 2)], "2 blank line(s) at the end"),
    ("A,B,\n1,2,\n", Options(), [("1", "2", 2)], "last column without a name"),
    (" A,B \n1,2\n", Options(), [("1", "2", 2)], "blanks around column names"),
    ("Study X\nA,B\n1,2\n", Options(header_row=2), [("1", "2", 3)], "1 line(s) above"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "options", "rows", "note"), STORED)
def test_delimited_text_is_stored_as_written_with_the_line_of_each_row(tmp_path, content, options, rows, note):
    dataset, found = one(put(tmp_path, "ae.csv", content), "csv", options)
    assert found == rows
    assert dataset.columns == ("A", "B|" if "'B|'" in str(content) else "B")
    assert (dataset.name, dataset.file, dataset.quarantine) == ("AE", "ae.csv", [])
    assert note in " ".join(dataset.notes) if note else dataset.notes == []


QUARANTINED = [  # content, options, rows stored, line, in the reason, verbatim text
    ("A,B\n1,2\n3\n4,5\n", Options(), 2, 3, "has 1 values where 2 are expected", "3"),
    ("A,B\n1,2,x\n4,5\n", Options(), 1, 2, "has 3 values where 2 are expected", "1,2,x"),
    ("A,B\n1,2\n\n4,5\n", Options(), 2, 3, "has 0 values where 2 are expected", ""),
    ('A,B\n"a\nb",2,3\n4,5\n', Options(), 1, 2, "has 3 values", '"a\nb",2,3'),
    ("A,B\n1,2\n3", Options(), 1, 3, "last line and has no line end: the file seems to be cut", "3"),
    ('A,B\n1,"say "hi""\n4,5\n', Options(), 1, 2, "can't be split into values", '1,"say "hi""'),
    ("A,B\n1,x\0y\n4,5\n", Options(), 1, 2, "NUL byte (0x00) in column B", "1,x\\x00y"),
    (b"A,B\n1,caf\xe9\n4,5\n", Options(), 1, 2,
     'byte 0xE9 in column B can\'t be read as utf-8; declare encodings.ae = "cp1252"', "1,caf\\xE9"),
    (b"A,B\n1,\xed\xa0\x80\n4,5\n", Options(), 1, 2, "byte 0xED", "1,\\xED\\xA0\\x80"),
    (b"A,B\n1,x\x81\n4,5\n", CP1252, 1, 2, "byte 0x81 in column B can't be read as cp1252", "1,x\\x81"),
    (b"A,B\n4,5\n1,\xe2\x82", Options(), 1, 3, "byte 0xE2", "1,\\xE2\\x82"),
    ("A,B\n1,2\n".encode("utf-16-le") + b"\x00\xdc\n\x00", Options("utf-16-le"), 1, 3, "has 1 values", "\\x00\\xDC"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "options", "stored", "line", "reason", "text"), QUARANTINED)
def test_a_row_that_cannot_be_stored_is_kept_verbatim_with_line_and_reason(
    tmp_path, content, options, stored, line, reason, text
):
    dataset, rows = one(put(tmp_path, "ae.csv", content), "csv", options)
    (row,) = dataset.quarantine
    assert (len(rows), row.row, row.text) == (stored, line, text)
    assert row.reason.startswith(f"line {line}: ") and reason in row.reason
    assert (row.dataset, row.file) == ("AE", "ae.csv")


PAGE = "<!DOCTYPE html>\n<html><body>Please log in</body></html>"
RAVE = "Subject,RecordId,RecordActive,AETERM,AETERM_RAW\n"
JSON = {
    "datasetJSONVersion": "1.1.0",
    "records": 1,
    "name": "AE",
    "columns": [{"name": "A"}, {"name": "B"}],
    "rows": [[1, "x"]],
}

TO_JSON = "dataset-json"
SAS7BDAT = bytes.fromhex("000000000000000000000000c2ea8160b31411cfbd92080009c7318c181f1011")


def altered(**parts) -> str:
    return json.dumps(JSON | parts)


REFUSED = [  # requirement, file, content, layout, options, words of the message
    ("empty file", "ae.csv", "", "csv", Options(), ["empty transfer", "0 bytes"]),
    ("empty file", "ae.xpt", "", "xpt", Options(), ["empty transfer"]),
    ("unclosed quote", "ae.csv", 'A,B\n1,2\n"x,3\n4,5\n', "csv", Options(), ["line 3", "does not end"]),
    ("unclosed quote swallowing rows", "ae.csv", 'A,B\n1,"x\n2,"y"\n', "csv", Options(), ["line 2", "does not end"]),
    ("unclosed quote in the header", "ae.csv", 'A,"B\n1,2\n', "csv", Options(), ["line 1", "does not end"]),
    ("duplicate columns", "ae.csv", "A,b,B\n1,2,3\n", "csv", Options(), ["b/B"]),
    ("column without a name", "ae.csv", "A,,B\n1,2,3\n", "csv", Options(), ["column 2 of 3 has none"]),
    ("two columns without a name", "ae.csv", "A,,\n1,2,3\n", "csv", Options(), ["must have a name"]),
    ("nameless last column with values", "ae.csv", "A,\n1,\n2,x\n", "csv", Options(), ["line 3", "'x'"]),
    ("reserved column name", "ae.csv", "A,Source_Row\n1,2\n", "csv", Options(), ["source_row"]),
    ("delimiter changed", "ae.csv", "A;B\n1;2\n", "csv", Options(), ['delimiter = ";"', "','"]),
    ("delimiter changed, quoted", "ae.csv", '"A";"B"\n"1";"2"\n', "csv", Options(), ['delimiter = ";"']),
    ("delimiter changed to tab", "ae.csv", "A\tB\n1\t2\n", "csv", SEMI, ['delimiter = "\\t"']),
    ("header row beyond the end", "ae.csv", "A,B\n1,2\n", "csv", Options(header_row=9), ["line 9", "nothing"]),
    ("blank header", "ae.csv", "\nA,B\n", "csv", Options(), ["line 1", "nothing"]),
    ("utf-16 not declared", "ae.csv", "A,B\n1,2\n".encode("utf-16"), "csv", Options(), ['encoding = "utf-16"']),
    ("utf-16 without a mark", "ae.csv", "A,B\n1,2\n".encode("utf-16-le"), "csv", Options(), ["utf-16-le"]),
    ("utf-8 mark, cp1252 declared", "ae.csv", "\ufeffA,B\n", "csv", CP1252, ["cp1252", 'encoding = "utf-8"']),
    ("utf-16 declared, utf-8 sent", "ae.csv", "\ufeffA,B\n", "csv", UTF16, ['encoding = "utf-8"']),
    ("header in another encoding", "ae.csv", b"A,Gr\xf6sse\n1,2\n", "csv", Options(), ["Gr\\xF6sse", "encoding"]),
    ("no such encoding", "ae.csv", "A,B\n", "csv", Options(encoding="utf-88"), ["utf-88", "not an encoding"]),
    ("not a text encoding", "ae.csv", "A,B\n", "csv", Options(encoding="rot13"), ["rot13", "not an encoding"]),
    ("long delimiter", "ae.csv", "A,B\n", "csv", Options(delimiter=",,"), ["one character"]),
    ("web page as csv", "ae.csv", PAGE, "csv", Options(), ["web page", "log-in"]),
    ("web page as xpt", "ae.xpt", "\ufeff \n" + PAGE, "xpt", Options(), ["web page"]),
    ("web page as json", "ae.json", "<html lang=en>", TO_JSON, Options(), ["web page"]),
    ("web page as xlsx", "ae.xlsx", PAGE.lower().encode("utf-16"), "excel", Options(), ["web page"]),
    ("text as xpt", "ae.xpt", "A,B\n1,2\n", "xpt", Options(), ["SAS transport file", "plain text"]),
    ("pdf as csv", "ae.csv", "%PDF-1.7 ...", "csv", Options(), ["PDF"]),
    ("cport as xpt", "ae.xpt", "**COMPRESSED** **COMPRESSED** **COMPRESSED**", "xpt", Options(), ["CPORT"]),
    ("xml as csv", "ae.csv", "<?xml version='1.0'?><ODM/>", "csv", Options(), ["XML"]),
    ("cut Rave download", "AE.csv", RAVE + "1,2,1,x,x\n", "rave", Options(), ["must be EOF", "1,2,1,x,x", "cut"]),
    ("not a Rave view", "AE.csv", "Subject,RecordId,X\nEOF\n", "rave", Options(), ["RecordActive not found"]),
    ("not JSON", "ae.json", '{"a": 1,\n"b": }', TO_JSON, Options(), ["line 2", "not valid JSON"]),
    ("cut JSON", "ae.json", json.dumps(JSON)[:-3], TO_JSON, Options(), ["line 1", "cut"]),
    ("JSON of another kind", "ae.json", '{"resourceType": "Bundle"}', TO_JSON, Options(), ["1.1", "none"]),
    ("older Dataset-JSON", "ae.json", altered(datasetJSONVersion="1.0.0"), TO_JSON, Options(), ["1.0.0"]),
    ("JSON without columns", "ae.json", altered(columns=None), TO_JSON, Options(), ["columns"]),
    ("JSON rows not a list", "ae.json", altered(rows={}), TO_JSON, Options(), ["rows"]),
    ("JSON count mismatch", "ae.json", altered(records=2), TO_JSON, Options(), ["declares 2", "holds 1"]),
    ("NaN in JSON", "ae.json", altered(rows=[[math.nan, 1]]), TO_JSON, Options(), ["NaN"]),
    ("deep JSON", "ae.json", '{"a":' + "[" * 100_000, TO_JSON, Options(), ["nested"]),
    ("damaged workbook", "ae.xlsx", b"PK\x03\x04" + b"\0" * 99, "excel", Options(), ["can't be opened"]),
    ("CSV as workbook", "ae.xlsx", "A,B\n1,2\n", "excel", Options(), ["workbook", "plain text"]),
    ("damaged sas7bdat", "ae.sas7bdat", SAS7BDAT.ljust(999, b"\0"), "sas7bdat", Options(), ["can't be read"]),
    ("damaged zip", "edc.zip", b"PK\x03\x04 not a zip", "csv", Options(), ["damaged"]),
    ("unknown layout", "ae.csv", "A,B\n", "parquet", Options(), ["parquet", "rave, csv, xpt"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("why", "file", "content", "layout", "options", "words"), REFUSED, ids=[f"{r[0]}-{r[3]}" for r in REFUSED]
)
def test_a_file_that_cannot_be_trusted_is_refused_with_where_and_what_to_do(
    tmp_path, why, file, content, layout, options, words
):
    message = refused(put(tmp_path, file, content), layout, options)
    assert [word for word in [*words, file if layout != "parquet" else ""] if word not in message] == [], message


def test_an_extract_that_is_not_there_is_said(tmp_path):
    assert "no such file" in refused(tmp_path / "nowhere", "csv")


def test_two_header_rows_give_names_and_labels(tmp_path):
    dataset, rows = one(
        put(tmp_path, "ae.csv", "Site code,Term\nSiteCode,AETERM\n01,x\n"), "csv", Options(header_row=2)
    )
    assert dataset.labels == {"SiteCode": "Site code", "AETERM": "Term"} and rows == [("01", "x", 3)]


def test_a_value_longer_than_the_limit_is_kept_in_quarantine(tmp_path):
    dataset, rows = one(put(tmp_path, "ae.csv", f"A,B\n1,{'x' * 200_000}\n3,4\n"), "csv")
    assert rows == [("3", "4", 3)] and len(dataset.quarantine[0].text) == 200_002


def test_large_files_come_in_batches_with_exact_lines(tmp_path, monkeypatch):
    monkeypatch.setattr(csv_text, "BATCH_ROWS", 7)
    lines = [f'{n},"a\nb"\n' if n % 3 == 0 else f"{n},x\n" for n in range(100)]
    (dataset,) = csv_text.read(put(tmp_path, "ae.csv", "N,V\n" + "".join(lines)), "ae.csv", Options())
    batches = list(dataset.batches)
    assert [batch.num_rows for batch in batches] == [7] * 14 + [2]
    starts = np.cumsum([2, *(2 if n % 3 == 0 else 1 for n in range(99))]).tolist()
    assert [line for batch in batches for line in batch.column(ROW).to_pylist()] == starts


def test_a_wide_file_is_read(tmp_path):
    header = ",".join(f"C{n}" for n in range(5000))
    dataset, rows = one(put(tmp_path, "wide.csv", f"{header}\n{',' * 4999}\n"), "csv")
    assert len(dataset.columns) == 5000 and rows == [(*[None] * 5000, 2)]


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n,\"'"), max_size=4)


@FREELY
@given(st.lists(st.lists(CELL, max_size=5), max_size=30), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_rows_in_are_rows_stored_and_rows_quarantined(tmp_path, rows, ended, end):
    lines = [",".join(row) for row in rows]
    text = end.join(["A,B,C", *lines]) + (end if ended else "")
    dataset, stored = one(put(tmp_path, "x.csv", text), "csv")
    expected = [(line.split(","), place) for place, line in enumerate(lines, 2)]
    while expected and expected[-1][0] == [""]:  # blank lines at the end aren't rows
        expected.pop()
    good = [(*(value or None for value in row), place) for row, place in expected if len(row) == 3]
    assert stored == good
    assert [(q.row, q.text) for q in dataset.quarantine] == [(p, ",".join(row)) for row, p in expected if len(row) != 3]


@FREELY
@given(st.binary(max_size=300))
def test_any_bytes_as_csv_are_read_or_refused(tmp_path, content):
    with suppress(CdmError):
        taken(put(tmp_path, "x.csv", b"A,B\n" + content), "csv")


# ------------------------------------------------------------------------------------------------------------- Rave


@pytest.mark.parametrize("end", ["EOF", "EOF\n", "EOF\r\n", "EOF\n\n"])
def test_a_rave_view_ends_with_eof_which_is_not_data(tmp_path, end):
    dataset, rows = one(put(tmp_path, "V_S_AE.csv", f"{RAVE}01-1,7,1,Rash,RASH\n{end}"), "rave")
    assert rows == [("01-1", "7", "1", "Rash", "RASH", 2)] and dataset.rows == 1
    assert not any("cut" in note for note in dataset.notes)


def test_a_rave_view_may_have_no_rows_and_names_in_other_case(tmp_path):
    dataset, rows = one(put(tmp_path, "ae.csv", "subject,recordid,recordactive,X_STD\nEOF\n"), "rave")
    assert rows == [] and dataset.columns == ("subject", "recordid", "recordactive", "X_STD")


def test_eof_in_the_middle_of_a_rave_view_is_quarantined(tmp_path):
    dataset, rows = one(put(tmp_path, "ae.csv", f"{RAVE}1,2,1,x,x\nEOF\n1,3,1,y,y\nEOF\nEOF\n"), "rave")
    assert len(rows) == 2 and [q.row for q in dataset.quarantine] == [3, 5]


# -------------------------------------------------------------------------------------------------------- SAS files


def transport(variables: list[tuple[str, int, str]], data: bytes, pad: bytes = b" ") -> bytes:
    """A version 5 transport file written by hand: variables as (name, width, or 0 and a format), records as bytes."""

    def record(name: str, tail: str) -> bytes:
        return f"HEADER RECORD*******{name:<8}HEADER RECORD!!!!!!!{tail}".ljust(80).encode()

    real = b"SAS     ".ljust(80)
    names, place = b"", 0
    for number, (name, width, format_) in enumerate(variables, 1):
        size = width or 8
        head = struct.pack(">hhhh8s40s8s", 2 if width else 1, 0, size, number, f"{name:<8}".encode(),
                           f"Label of {name}".ljust(40).encode(), f"{format_:<8}".encode())  # fmt: skip
        names += head + struct.pack(">hhh2s8shhi52s", 0, 0, 0, b"", b" " * 8, 0, 0, place, b"")
        place += size
    names += b" " * (-len(names) % 80)
    body = data + pad * (-len(data) % 80)
    head = [
        record("LIBRARY", "0" * 30),
        real,
        real,
        record("MEMBER", "0" * 17 + "16000000000140"[1:]),
        record("DSCRPTR", "0" * 30),
    ]
    head[3] = record("MEMBER", "000000000000000001600000000140")
    return b"".join([*head, real, real, record("NAMESTR", f"000000{len(variables):04}" + "0" * 20), names,
                     record("OBS", "0" * 30), body])  # fmt: skip


IBM = [  # the eight bytes as TS-140 lays them down, and the text
    ("4110000000000000", "1"),
    ("C276A00000000000", "-118.625"),
    ("401999999999999A", "0.1"),
    ("4080000000000000", "0.5"),
    ("0000000000000000", "0"),
    ("4D38D7EA4C680000", "1000000000000000"),
    ("5156BC75E2D63100", "1e+20"),
    ("3D68DB8BAC710CB3", "0.0001"),
    ("2E00000000000000", None),
    ("4100000000000000", ".A"),
    ("5A00000000000000", ".Z"),
    ("5F00000000000000", "._"),
]


def test_ibm_numbers_and_special_missings_become_text(tmp_path):
    data = b"".join(bytes.fromhex(hexed) for hexed, _ in IBM)
    dataset, rows = one(put(tmp_path, "lb.xpt", transport([("N", 0, "")], data)), "xpt")
    assert [row[0] for row in rows] == [text for _, text in IBM]
    assert [row[1] for row in rows] == list(range(1, len(IBM) + 1)) and dataset.labels == {"N": "Label of N"}


MOMENTS = [  # format, value, text
    ("DATE", 0, "1960-01-01"), ("DATE", 19725, "2014-01-02"), ("YYMMDD", -1, "1959-12-31"),
    ("E8601DA", 19725.5, "19725.5"), ("DATE", 1e9, "1000000000"),
    ("DATETIME", 19725 * 86400 + 3661, "2014-01-02T01:01:01"),
    ("E8601DT", 0.5, "1960-01-01T00:00:00.5"), ("TIME", 3661, "01:01:01"), ("TIME", 90000, "25:00:00"),
    ("TIME", -1, "-1"), ("TOD", 1.25, "00:00:01.25"),
    ("BEST", 19725, "19725"), ("", 19725, "19725"), ("MMDDYY", 19725, "2014-01-02"),
]  # fmt: skip


@pytest.mark.parametrize(("format_", "value", "text"), MOMENTS)
def test_sas_dates_and_times_become_iso_text(format_, value, text):
    kind = as_text.moment_kind(format_)
    assert (as_text.moment(float(value), kind) if kind else as_text.number(float(value))) == text
    assert as_text.moment_kind(f"{format_}9.") == kind


@pytest.mark.parametrize("version", [5, 8])
def test_transport_files_written_by_another_tool_are_read(tmp_path, version):
    frame = pd.DataFrame({
        "TERM": ["Headache  ", "", "Übelkeit", " x", "y" * 190],
        "N": [-3.0, 0.1, 1e-10, 12345678901.0, None],
        "D": [19725.0, None, 0.0, 1.0, 2.0],
        "ALLMISS": [None] * 5,
    }).astype({"ALLMISS": float})  # fmt: skip
    path = tmp_path / "ae.xpt"
    labels = {"TERM": "Reported term", "N": "A number"}
    pyreadstat.write_xport(
        frame, path, file_format_version=version, column_labels=labels, variable_format={"D": "DATE9."}
    )
    dataset, rows = one(path, "xpt")
    assert dataset.name == "AE" and dataset.labels == labels
    assert rows == [
        ("Headache", "-3", "2014-01-02", None, 1),
        (None, "0.1", None, None, 2),
        ("Übelkeit", "1e-10", "1960-01-01", None, 3),
        (" x", "12345678901", "1960-01-02", None, 4),
        ("y" * 190, None, "1960-01-03", None, 5),
    ]


def test_long_names_and_labels_of_version_8_are_read(tmp_path):
    frame = pd.DataFrame({"A_NAME_OF_MORE_THAN_EIGHT": ["x"], "B": [1.0]})
    path, label = tmp_path / "x.xpt", "A label " * 12
    pyreadstat.write_xport(frame, path, file_format_version=8, column_labels=[label, "short"])
    dataset, rows = one(path, "xpt")
    assert dataset.labels == {"A_NAME_OF_MORE_THAN_EIGHT": label.strip(), "B": "short"} and rows == [("x", "1", 1)]


def test_a_version_8_file_with_fewer_records_than_declared_is_refused(tmp_path):
    path = tmp_path / "x.xpt"
    pyreadstat.write_xport(pd.DataFrame({"A": ["x" * 80] * 9}), path, file_format_version=8)
    put(tmp_path, "x.xpt", path.read_bytes()[:-160])
    assert "declares 9 records but holds 7" in refused(path, "xpt")


PADDING = [  # width of the one text variable, records, records read
    (10, [b"a" * 10] * 3, 3),
    (10, [b"a" * 10, b" " * 10, b"b" * 10], 3),  # a blank record between others is one
    (10, [b"a" * 10] * 8, 8),
    (80, [b"a" * 80, b" " * 80], 2),  # a blank record of 80 bytes can't be filling
    (100, [b"a" * 100, b" " * 100, b" " * 100], 3),
    (40, [b"a" * 40, b" " * 40], 1),  # can't be told from filling; noted
    (10, [], 0),
]


@pytest.mark.parametrize(("width", "records", "count"), PADDING)
def test_filling_of_the_last_80_bytes_makes_no_records(tmp_path, width, records, count):
    dataset, rows = one(put(tmp_path, "x.xpt", transport([("A", width, "")], b"".join(records))), "xpt")
    assert [row[1] for row in rows] == list(range(1, count + 1))
    told = [note for note in dataset.notes if "filling" in note]
    assert bool(told) == (
        bool(records) and sum(map(len, records)) % 80 + width <= 80 and width < 80 and len(records) != 8
    )


CUT = transport([("A", 30, ""), ("N", 0, "")], (b"a" * 30 + bytes(8)) * 40)
BAD_XPT = [
    ("cut in a record", CUT[:-100], ["middle of record", "cut"]),
    ("cut at 80 bytes", CUT[:-80], ["middle of record", "cut"]),
    ("cut in the header", CUT[:700], ["damaged"]),
    ("header only half", CUT[:100], ["damaged", "MEMBER"]),
    (
        "number of three bytes too wide",
        CUT.replace(b"\x00\x01\x00\x00\x00\x08", b"\x00\x01\x00\x00\x00\x09"),
        ["9 bytes wide"],
    ),
    ("two datasets in a file", transport([("A", 80, "")], b"a" * 80) + CUT[240:], ["more than one dataset"]),
    ("same name twice", transport([("A", 8, ""), ("a", 8, "")], b"x" * 16), ["A/a"]),
]


@pytest.mark.parametrize(("why", "content", "words"), BAD_XPT, ids=[row[0] for row in BAD_XPT])
def test_a_damaged_transport_file_is_refused(tmp_path, why, content, words):
    message = refused(put(tmp_path, "ae.xpt", content), "xpt")
    assert all(word in message for word in ["ae.xpt", *words]), message


@FREELY
@given(st.integers(0, len(CUT)), st.integers(0, len(CUT) - 1), st.integers(0, 255), st.binary(max_size=90))
def test_a_cut_or_altered_transport_file_is_read_or_refused(tmp_path, end, place, byte, more):
    content = bytearray(CUT)
    content[place] = byte
    with suppress(CdmError):
        taken(put(tmp_path, "x.xpt", bytes(content[:end]) + more), "xpt")


def test_bytes_of_another_encoding_are_quarantined_in_sas_files(tmp_path):
    data = b"plain     " + b"caf\xe9      " + b"nul\0x     "
    path = put(tmp_path, "ts.xpt", transport([("TSVAL", 10, "")], data))
    dataset, rows = one(path, "xpt")
    assert rows == [("plain", 1)]
    assert [(q.row, q.text) for q in dataset.quarantine] == [
        (2, '{"TSVAL": "caf\\xE9"}'),
        (3, '{"TSVAL": "nul\\u0000x"}'),
    ]
    assert (
        'byte 0xE9 in column TSVAL can\'t be read as utf-8; declare encodings.ts = "cp1252"'
        in dataset.quarantine[0].reason
    )
    declared, rows = one(path, "xpt", Options(encodings={"TS": "cp1252"}))
    assert [row[0] for row in rows] == ["plain", "café"] and len(declared.quarantine) == 1
    assert declared.notes[-1] == "read as cp1252: values with bytes beyond ASCII: TSVAL 1"


def test_transport_files_come_in_batches_that_join_without_a_seam(tmp_path, monkeypatch):
    monkeypatch.setattr(xpt, "BATCH_ROWS", 3)
    data = b"".join(f"{n:<10}".encode() for n in range(20))
    _, rows = one(put(tmp_path, "x.xpt", transport([("A", 10, "")], data)), "xpt")
    assert rows == [(str(n), n + 1) for n in range(20)]


NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**17), 10**17).map(float),
                    st.decimals(-10**6, 10**6, places=3).map(float))  # fmt: skip


@FREELY
@given(st.lists(NUMBERS, min_size=1))
def test_a_number_has_one_spelling_and_it_gives_the_number_back(values):
    texts = as_text.numbers(np.array(values)).to_pylist()
    assert texts == [as_text.number(value) for value in values]
    assert [float(text) for text in texts] == values and not any(text.endswith(".0") for text in texts)


@FREELY
@given(st.lists(st.floats(-1e70, 1e70).filter(lambda v: not v or abs(v) > 1e-70), min_size=1, max_size=40))
def test_numbers_survive_a_transport_file(tmp_path, values):
    path = tmp_path / "x.xpt"
    pyreadstat.write_xport(pd.DataFrame({"A": values}), path, file_format_version=5)
    _, rows = one(path, "xpt")
    assert [float(row[0]) for row in rows] == values


def sas7bdat(path: Path, variables: list[tuple[str, str, int]], rows: list[tuple]) -> None:
    """A sas7bdat file by ReadStat's own writer, which pyreadstat holds but does not offer."""
    try:
        lib = ctypes.CDLL(importlib.util.find_spec("pyreadstat._readstat_writer").origin)
        begin = lib.readstat_begin_writing_sas7bdat
    except (AttributeError, OSError):
        pytest.skip("this build of pyreadstat can't write a sas7bdat file to test with")
    pointer, out = ctypes.c_void_p, bytearray()
    lib.readstat_writer_init.restype = lib.readstat_add_variable.restype = pointer
    keep = ctypes.CFUNCTYPE(ctypes.c_ssize_t, pointer, ctypes.c_size_t, pointer)(
        lambda data, size, _: out.extend(ctypes.string_at(data, size)) or size
    )
    writer, made = pointer(lib.readstat_writer_init()), []
    lib.readstat_set_data_writer(writer, keep)
    for name, format_, width in variables:
        kind = 0 if width else 5
        made.append(pointer(lib.readstat_add_variable(writer, name.encode(), kind, ctypes.c_size_t(width))))
        lib.readstat_variable_set_format(made[-1], format_.encode())
    assert begin(writer, None, ctypes.c_long(len(rows))) == 0
    for row in rows:
        lib.readstat_begin_row(writer)
        for variable, value in zip(made, row, strict=True):
            if isinstance(value, bytes):
                lib.readstat_insert_string_value(writer, variable, value)
            elif isinstance(value, str):
                lib.readstat_insert_tagged_missing_value(writer, variable, ctypes.c_char(value.encode()))
            elif value is None:
                lib.readstat_insert_missing_value(writer, variable)
            else:
                lib.readstat_insert_double_value(writer, variable, ctypes.c_double(value))
        lib.readstat_end_row(writer)
    assert lib.readstat_end_writing(writer) == 0
    lib.readstat_writer_free(writer)
    path.write_bytes(bytes(out))


def test_sas7bdat_gives_the_same_text_as_a_transport_file(tmp_path):
    rows = [
        (b"Rash  ", 19725.0, 0.1, 5.0),
        ("Fièvre".encode(), None, None, "A"),
        (b"", 0.0, -1e-10, "_"),
        (b"x", 1.0, 2.0, 1e20),
    ]
    sas7bdat(tmp_path / "ae.sas7bdat", [("T", "", 12), ("D", "DATE9", 0), ("N", "", 0), ("M", "BEST12", 0)], rows)
    dataset, found = one(tmp_path / "ae.sas7bdat", "sas7bdat")
    assert found == [
        ("Rash", "2014-01-02", "0.1", "5", 1),
        ("Fièvre", None, None, ".A", 2),
        (None, "1960-01-01", "-1e-10", "._", 3),
        ("x", "1960-01-02", "2", "1e+20", 4),
    ]
    assert dataset.columns == ("T", "D", "N", "M") and "UTF-8" in dataset.notes[0]


def test_sas7bdat_of_another_encoding_says_what_to_declare(tmp_path):
    sas7bdat(tmp_path / "ae.sas7bdat", [("T", "", 12)], [(b"caf\xe9",)])
    assert 'byte 0xE9 can\'t be read; declare encodings.ae = "cp1252"' in refused(tmp_path, "sas7bdat")
    _, rows = one(tmp_path, "sas7bdat", CP1252)
    assert rows == [("café", 1)]


def test_sas7bdat_without_rows_and_cut_is_told_apart(tmp_path):
    sas7bdat(tmp_path / "ae.sas7bdat", [("T", "", 12)], [])
    assert one(tmp_path, "sas7bdat")[1] == []
    sas7bdat(tmp_path / "ae.sas7bdat", [("T", "", 200)], [(b"x" * 200,)] * 500)
    content = (tmp_path / "ae.sas7bdat").read_bytes()
    put(tmp_path, "ae.sas7bdat", content[: len(content) // 2])
    assert "ae.sas7bdat" in refused(tmp_path, "sas7bdat")


# ----------------------------------------------------------------------------------------------------- Dataset-JSON


def ndjson(document: dict) -> str:
    head = {key: value for key, value in document.items() if key != "rows"}
    return "\n".join(json.dumps(line) for line in [head, *document["rows"]]) + "\n"


@pytest.mark.parametrize(("file", "write"), [("ae.json", json.dumps), ("ae.ndjson", ndjson)])
def test_dataset_json_gives_text_as_sas_files_do(tmp_path, file, write):
    columns = [{"name": "A", "label": "First"}, {"name": "B"}, {"name": "C", "label": None}]
    rows = [[1, 0.5, "x"], [1.0, 1e-10, ""], [None, 12345678901234567890, True], [-0.0, 54.43, "NA"]]
    document = JSON | {"records": 4, "columns": columns, "rows": rows}
    dataset, found = one(put(tmp_path, file, write(document)), "dataset-json", Options(missing=("NA",)))
    assert dataset.labels == {"A": "First"} and dataset.name == "AE"
    assert found == [
        ("1", "0.5", "x", 1),
        ("1", "1e-10", None, 2),
        (None, "12345678901234567890", "true", 3),
        ("0", "54.43", None, 4),
    ]


@pytest.mark.parametrize(("file", "write"), [("ae.json", json.dumps), ("ae.ndjson", ndjson)])
def test_dataset_json_records_of_another_form_are_quarantined(tmp_path, file, write):
    rows = [[1, "x"], [2], [3, "y", "z"], {"A": 1}, [4, "nul\0"], [5, "\ud800"], [6, "ok"]]
    dataset, found = one(put(tmp_path, file, write(JSON | {"records": 7, "rows": rows})), "dataset-json")
    assert found == [("1", "x", 1), ("6", "ok", 7)]
    words = ["has 1 values", "has 3 values", "must be a list", "NUL byte", "half a character (U+D800)"]
    assert [q.row for q in dataset.quarantine] == [2, 3, 4, 5, 6]
    assert all(word in q.reason for word, q in zip(words, dataset.quarantine, strict=True))


def test_a_json_number_that_no_float_can_hold_is_kept_as_written(tmp_path):
    text = json.dumps(JSON).replace("[1,", "[-1e400,")
    assert one(put(tmp_path, "ae.json", text), "dataset-json")[1] == [("-1e400", "x", 1)]


def test_cut_ndjson_is_refused(tmp_path):
    lines = ndjson(JSON | {"records": 3, "rows": [[1, "x"]] * 3}).splitlines(keepends=True)
    assert "declares 3 records but holds 2" in refused(put(tmp_path, "a.ndjson", "".join(lines[:-1])), "dataset-json")
    assert "line 4" in refused(put(tmp_path, "a.ndjson", "".join(lines)[:-4]), "dataset-json")


def test_bytes_of_another_encoding_are_quarantined_in_dataset_json(tmp_path):
    text = json.dumps(JSON | {"records": 2, "rows": [[1, "café"], [2, "x"]]}, ensure_ascii=False).encode("latin-1")
    dataset, rows = one(put(tmp_path, "ae.json", text), "dataset-json")
    assert rows == [("2", "x", 2)] and "byte 0xE9 in column B" in dataset.quarantine[0].reason
    assert dataset.quarantine[0].text == '[1, "caf\\xE9"]'


# ------------------------------------------------------------------------------------------------------------ Excel


def workbook(path: Path, **sheets: list[list]) -> Path:
    book = xlsxwriter.Workbook(path, {"strings_to_formulas": False, "default_date_format": "yyyy-mm-dd"})
    for name, rows in sheets.items():
        sheet = book.add_worksheet(name)
        for row, values in enumerate(rows):
            for column, value in enumerate(values):
                if value is not None:
                    sheet.write(row, column, value)
    book.close()
    return path


def test_workbook_cells_become_text(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "lab.xlsx")
    sheet, shown = book.add_worksheet("Lab"), {"d": "yyyy-mm-dd", "dt": "yyyy-mm-dd hh:mm", "t": "hh:mm", "h": "[h]:mm"}
    formats = {name: book.add_format({"num_format": text}) for name, text in shown.items()}
    sheet.write_row(0, 0, ["INT", "NUM", "DATE", "DATETIME", "TIME", "LONG", "FLAG", "TEXT", "BIG"])
    sheet.write_row(1, 0, [5, 54.43])
    sheet.write_datetime(1, 2, datetime.datetime(2024, 1, 2), formats["d"])
    sheet.write_datetime(1, 3, datetime.datetime(2024, 1, 2, 3, 4), formats["dt"])
    sheet.write_datetime(1, 4, datetime.time(3, 4), formats["t"])
    sheet.write_number(1, 5, 1.5, formats["h"])
    sheet.write_boolean(1, 6, True)
    sheet.write_string(1, 7, "=cmd|' 007 ")
    sheet.write_number(1, 8, 1e15)
    book.close()
    dataset, rows = one(tmp_path / "lab.xlsx", "excel")
    expected = ("5", "54.43", "2024-01-02", "2024-01-02T03:04:00", "03:04:00", "36:00:00", "TRUE", "=cmd|' 007 ")
    assert rows == [(*expected, "1000000000000000", 2)] and dataset.name == "LAB"


def test_each_sheet_with_column_names_is_a_dataset_and_others_are_said(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "lab.xlsx")
    for name, rows in {"AE": [["A"], ["1"]], "Empty": [], "Secret": [["A"], ["2"]], "Loose": [[], ["x"]]}.items():
        sheet = book.add_worksheet(name)
        for place, values in enumerate(rows):
            sheet.write_row(place, 0, values)
        if name == "Secret":
            sheet.hide()
    book.add_chartsheet("Chart")
    book.close()
    found = taken(tmp_path / "lab.xlsx", "excel")
    assert {name: rows for name, (_, rows) in found.items()} == {"AE": [("1", 2)], "SECRET": [("2", 2)]}
    assert found["AE"][0].notes == ["sheet Empty left out: empty", "sheet Loose left out: no column names in row 1"]
    assert found["SECRET"][0].notes == ["sheet Secret is hidden; it is read all the same"]


def test_source_rows_are_excel_rows(tmp_path):
    rows = [["Lab export"], [], ["A", "B", None], ["1", "x"], [None, None], ["2", None], [None, None]]
    dataset, found = one(workbook(tmp_path / "lab.xlsx", Lab=rows), "excel", Options(header_row=3))
    assert found == [("1", "x", 4), ("2", None, 6)] and dataset.columns == ("A", "B")
    assert dataset.notes == [
        "2 row(s) above the column names left out",
        "1 blank row(s) between others left out, the first at row 5",
    ]


def test_a_single_sheet_without_a_name_of_its_own_is_named_as_the_file(tmp_path):
    workbook(tmp_path / "labs.xlsx", Sheet1=[["A"], ["1"]])
    assert list(taken(tmp_path, "excel")) == ["LABS"]


BAD_SHEETS = [
    ([["A", None, "B"], ["1", "x", "2"]], ["sheet S", "column B holds values but has no name in row 1"]),
    ([["A", "B"], ["1", "x", "why?"]], ["column C holds values"]),
    ([["Title"], ["A", "B"], ["1", "2"]], ["column B", "header_row"]),
    ([["A", "a"], ["1", "2"]], ["A/a"]),
    ([[], ["x"]], ["no sheet has column names in row 1"]),
]


@pytest.mark.parametrize(("rows", "words"), BAD_SHEETS)
def test_a_sheet_whose_values_have_no_name_is_refused(tmp_path, rows, words):
    message = refused(workbook(tmp_path / "lab.xlsx", S=rows), "excel")
    assert all(word in message for word in ["lab.xlsx", *words]), message


def test_values_apart_from_the_table_are_left_out_and_said(tmp_path):
    dataset, rows = one(workbook(tmp_path / "lab.xlsx", S=[["A"], ["1", None, None, "list"]]), "excel")
    assert rows == [("1", 2)] and "D (1)" in dataset.notes[0]


def test_a_stray_cell_far_away_is_refused_before_memory_is_used(tmp_path):
    book = xlsxwriter.Workbook(tmp_path / "lab.xlsx")
    sheet = book.add_worksheet()
    sheet.write(0, 0, "A")
    sheet.write(1_000_000, 16_000, "x")
    book.close()
    assert "row 1,000,001 and column 16,001" in refused(tmp_path, "excel")


def test_excel_errors_that_come_out_empty_are_said(tmp_path):
    book = openpyxl.Workbook()
    for place, value in {"A1": "A", "B1": "B", "A2": "1", "B2": "#N/A"}.items():
        book.active[place] = value
    book.save(tmp_path / "lab.xlsx")
    dataset, rows = one(tmp_path / "lab.xlsx", "excel")
    assert rows == [("1", None, 2)] and "1 cell(s) with an Excel error read as empty, the first B2" in dataset.notes[0]


def test_a_protected_workbook_is_refused(tmp_path):
    encrypted = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000
    assert "password" in refused(put(tmp_path, "lab.xlsx", encrypted), "excel")


def test_a_cut_workbook_is_refused(tmp_path):
    content = workbook(tmp_path / "lab.xlsx", S=[["A"], ["1"]]).read_bytes()
    for end in range(4, len(content) - 1, 997):
        assert "lab.xlsx" in refused(put(tmp_path, "lab.xlsx", content[:end]), "excel")


def test_a_workbook_renamed_csv_is_refused(tmp_path):
    put(tmp_path, "lab.csv", workbook(tmp_path / "lab.xlsx", S=[["A"], ["1"]]).read_bytes())
    assert "lab.csv: must be plain text; its content is an Excel" in refused(tmp_path, "csv")


# --------------------------------------------------------------------------------------------------------- extracts


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def names(path: Path) -> list[str]:
    with extract.members(path) as found:
        assert all(member.path.is_file() for member in found)
        return [member.name for member in found]


def test_a_folder_and_the_zips_in_it_are_one_list_of_files(tmp_path):
    put(tmp_path, "edc/DM.csv", "A,B\n1,2\n")
    for junk in (".DS_Store", "edc/~$DM.csv", "__MACOSX/x.csv", "edc/.hidden/x.csv"):
        put(tmp_path, junk, "x")
    zipped(tmp_path / "pilot.zip", ("SDTM/ae.csv", "A,B\n"), ("__MACOSX/._ae.csv", "x"), ("SDTM/", ""))
    assert names(tmp_path) == ["edc/DM.csv", "pilot.zip/SDTM/ae.csv"]
    assert names(tmp_path / "pilot.zip") == ["SDTM/ae.csv"]
    assert names(tmp_path / "edc" / "DM.csv") == ["DM.csv"]


def test_what_was_unpacked_is_gone_afterwards(tmp_path):
    with extract.members(zipped(tmp_path / "a.zip", ("ae.csv", "A,B\n1,2\n"))) as found:
        path = found[0].path
    assert not path.exists()


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


BAD_ZIPS = [
    ([("../ae.csv", "x")], ["../ae.csv", "outside"]),
    ([("a/../../ae.csv", "x")], ["outside"]),
    ([("/etc/ae.csv", "x")], ["outside"]),
    ([("..\\ae.csv", "x")], ["outside"]),
    ([("C:/ae.csv", "x")], ["outside"]),
    ([(link("ae.csv"), "/etc/passwd")], ["ae.csv", "link"]),
    ([("AE.csv", "x"), ("ae.csv", "y")], ["the same name"]),
    ([("inner.zip", "x")], ["inner.zip", "itself a zip"]),
    ([(zipfile.ZipInfo(""), "x")], ["no name"]),
    ([("ae.csv", b"0" * 120_000_000)], ["ae.csv", "unpack"]),
]


@pytest.mark.parametrize(("members", "words"), BAD_ZIPS, ids=[row[1][-1] + str(n) for n, row in enumerate(BAD_ZIPS)])
def test_an_unsafe_archive_is_refused_naming_the_member(tmp_path, members, words):
    message = refused(zipped(tmp_path / "edc.zip", *members), "csv")
    assert all(word in message for word in ["edc.zip", *words]), message


def test_an_encrypted_member_is_refused(tmp_path):
    content = bytearray(zipped(tmp_path / "edc.zip", ("ae.csv", "A,B\n")).read_bytes())
    content[6] |= 1  # the flag in the local header and in the directory
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert "ae.csv" in (message := refused(put(tmp_path, "edc.zip", bytes(content)), "csv")) and "password" in message


def test_an_archive_larger_than_the_limit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(extract, "TOTAL", 10)
    assert "the limit is 10" in refused(zipped(tmp_path / "edc.zip", ("a.csv", "x" * 6), ("b.csv", "y" * 6)), "csv")


def test_a_damaged_member_is_refused(tmp_path):
    content = bytearray(zipped(tmp_path / "edc.zip", ("ae.csv", "A,B\n" + "1,2\n" * 1000)).read_bytes())
    content[45] ^= 0xFF
    assert "damaged" in refused(put(tmp_path, "edc.zip", bytes(content)), "csv")


@FREELY
@given(st.data())
def test_an_altered_archive_is_read_or_refused(tmp_path, data):
    content = bytearray(zipped(tmp_path / "a.zip", ("ae.csv", "A,B\n1,2\n"), ("dm.csv", "A,B\n3,4\n")).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(1, len(content)))
    with suppress(CdmError):
        taken(put(tmp_path, "a.zip", bytes(content[:end])), "csv", files=("*.csv",))


def test_two_files_for_one_dataset_are_refused_naming_both(tmp_path):
    put(tmp_path, "new/AE.csv", "A,B\n1,2\n")
    put(tmp_path, "old/ae.csv", "A,B\n1,2\n")
    assert "new/AE.csv and old/ae.csv" in refused(tmp_path, "csv")
    assert list(taken(tmp_path, "csv", files=("new/*",))) == ["AE"]


def test_patterns_choose_files_by_name_folder_and_ending(tmp_path):
    for file in ("edc/AE.csv", "edc/DM.CSV", "lab/lb.txt", "lab/read.me", "sec/vp.xls"):
        put(tmp_path, file, "A,B\n1,2\n")
    chosen = {
        ("*",): ["AE", "DM", "LB"],
        ("edc/*",): ["AE", "DM"],
        ("*.csv",): ["AE", "DM"],
        ("ae.csv", "lab/*"): ["AE", "LB"],
        ("*.xls",): ["VP"],
        ("[!a]*.csv",): ["AE", "DM"],  # the whole names begin with edc
    }
    assert {files: list(taken(tmp_path, "csv", files=files)) for files in chosen} == chosen


def test_nothing_that_matches_says_what_was_looked_for_and_what_is_there(tmp_path):
    put(tmp_path, "ae.xpt", "x")
    message = refused(tmp_path, "csv")
    assert ".csv" in message and "ae.xpt" in message and "(1 in all)" in message


def test_the_unpacked_files_stay_while_their_datasets_are_read(tmp_path):
    path = zipped(tmp_path / "a.zip", ("ae.csv", "A,B\n1,2\n"), ("dm.csv", "A,B\n3,4\n"))
    assert {name: rows for name, (_, rows) in taken(path, "csv").items()} == {
        "AE": [("1", "2", 2)],
        "DM": [("3", "4", 2)],
    }


# ------------------------------------------------------------------------------------------------------ recognising


def test_a_mixed_folder_is_recognised(tmp_path):
    put(tmp_path, "edc/V_AE.csv", RAVE + "1,2,1,x,x\nEOF\n")
    put(tmp_path, "edc/V_DM.csv", RAVE + "1,2,1,x,x\nEOF\n")
    put(tmp_path, "lab/lb.csv", "A;B\n1;2\n")
    put(tmp_path, "lab/units.csv", "A;B\n1;\xb5g\n".encode("cp1252"))
    put(tmp_path, "viedoc/AE.csv", "Subject Id,Form Id\nSubjectId,FormId\n1,AE\n")
    put(tmp_path, "sdtm/ts.xpt", transport([("TSVAL", 10, "")], b"caf\xe9      "))
    put(tmp_path, "define.xml", "<?xml version='1.0'?><ODM/>")
    put(tmp_path, "notes.txt", "read me\n")
    put(tmp_path, "crf.pdf", "%PDF-1.7")
    put(tmp_path, "page.csv", PAGE)
    put(tmp_path, "gone.csv", "")
    found = readers.recognise(tmp_path)
    assert [(r.layout, r.files, r.options, r.datasets) for r in found] == [
        ("rave", ("edc/*.csv",), Options(), ("V_AE", "V_DM")),
        ("csv", ("viedoc/*.csv",), Options(header_row=2), ("AE",)),
        ("csv", ("lab/*.csv",), Options(delimiter=";", encodings={"UNITS": "cp1252"}), ("LB", "UNITS")),
        ("xpt", ("*.xpt",), Options(encoding="cp1252"), ("TS",)),
    ]
    assert set(found[0].left) == {"define.xml", "notes.txt", "crf.pdf", "page.csv", "gone.csv"}
    assert "XML" in found[0].left["define.xml"] and "web page" in found[0].left["page.csv"]
    for proposal in found:
        assert list(taken(tmp_path, proposal.layout, proposal.options, proposal.files)) == list(proposal.datasets)


def test_a_second_file_of_one_dataset_is_left_with_the_reason(tmp_path):
    put(tmp_path, "ae.json", json.dumps(JSON))
    put(tmp_path, "ae.ndjson", ndjson(JSON))
    (found,) = readers.recognise(tmp_path)
    assert found.files == ("*.json",) and found.left == {"ae.ndjson": "dataset AE is also in ae.json"}


def test_nothing_recognised_says_why_of_each_file(tmp_path):
    put(tmp_path, "define.xml", "<?xml version='1.0'?><ODM/>")
    with pytest.raises(CdmError, match=r"define\.xml: XML"):
        readers.recognise(tmp_path)


# -------------------------------------------------------------------------------------------------------- real data


def test_real_transport_files_equal_what_pyreadstat_reads(realdata, tmp_path):
    with extract.members(realdata / "cdisc-pilot-sdtm", lambda name: name.endswith(".xpt")) as files:
        assert len(files) == 31
        for member in files:
            encoding = "cp1252" if member.name.endswith("/ts.xpt") else "utf-8"
            (dataset,) = xpt.read(member.path, member.name, Options(encoding=encoding))
            ours = pa.Table.from_batches(dataset.batches)
            frame, meta = pyreadstat.read_xport(member.path, encoding=encoding, disable_datetime_conversion=True)
            assert (list(frame.columns), len(frame)) == (list(dataset.columns), ours.num_rows)
            assert dataset.labels == {name: label for name, label in meta.column_names_to_labels.items() if label}
            for column in frame.columns:
                found, theirs = ours.column(column).to_pylist(), frame[column].tolist()
                if meta.readstat_variable_types[column] == "string":
                    assert found == [value.rstrip(" ") or None for value in theirs]
                else:
                    assert found == [None if value != value else as_text.number(value) for value in theirs]


def test_real_transport_file_with_another_encoding_is_quarantined_or_declared(realdata):
    folder = realdata / "cdisc-pilot-sdtm"
    dataset, rows = taken(folder, "xpt", files=("ts.xpt",))["TS"]
    assert (len(rows), len(dataset.quarantine)) == (46, 2) and "0x92" in dataset.quarantine[0].reason
    dataset, rows = taken(folder, "xpt", Options(encodings={"TS": "cp1252"}), ("ts.xpt",))["TS"]
    assert len(rows) == 48 and dataset.notes == ["read as cp1252: values with bytes beyond ASCII: TSVAL 2"]


def test_real_crf_extracts_keep_every_row(realdata):
    found = taken(realdata / "cdisc-pilot-crf", "csv")
    counts = {"AE": 1272, "CM": 7510, "DM": 306, "DS": 342, "EX": 591, "MH": 1818, "VS": 8211}
    assert {name: len(rows) for name, (_, rows) in found.items()} == counts


def test_json_ndjson_and_transport_of_one_dataset_give_equal_tables(realdata):
    folder = realdata / "dataset-json"
    tables = {kind: taken(folder, layout, files=(f"*.{kind}",)) for kind, layout in
              [("json", "dataset-json"), ("ndjson", "dataset-json"), ("xpt", "xpt")]}  # fmt: skip
    for name, (dataset, rows) in tables["json"].items():
        assert tables["ndjson"][name][1] == rows == tables["xpt"][name][1]
        assert tables["ndjson"][name][0].columns == dataset.columns == tables["xpt"][name][0].columns
        assert tables["ndjson"][name][0].labels == dataset.labels == tables["xpt"][name][0].labels


@pytest.mark.parametrize(
    ("file", "encoding", "count"),
    [("BMD_short_en_utf8", "utf-8", 13), ("CTU05_short_ref_miss_fr_utf16", "utf-16", 31),
     ("CTU06_version3", "utf-8", 32), ("CTU05_short_ref_miss_fr_macroman", "mac-roman", 31),
     ("TES05_short_ref_en_iso8859-15", "iso8859-15", 18)],
)  # fmt: skip
def test_real_secutrial_exports_are_read_as_declared(realdata, file, encoding, count):
    path = realdata / "secutrial" / f"s_export_CSV-xls_{file}.zip"
    found = taken(path, "csv", Options(encoding, delimiter="\t"), ("*.xls",))
    assert len(found) == count
    for name, (dataset, _) in found.items():  # the code list has rows of four values below a header of three
        assert bool(dataset.quarantine) == (name.startswith("CL") and "BMD" not in file)


def test_real_viedoc_export_has_two_header_rows(realdata):
    found = taken(realdata / "viedoc", "csv", Options(header_row=2))
    assert len(found) == 15 and all(dataset.labels["SiteCode"] == "Site code" for dataset, _ in found.values())


def test_a_real_architect_workbook_is_read(realdata):
    found = taken(realdata / "rave", "excel")
    assert len(found) == 48 and len(found["FOLDERS"][1]) == 61
