"""A delivery holds what was signed, in every format, or it is not made."""

from __future__ import annotations

import hashlib
import json
import math

import openpyxl
import pandas as pd
import pyreadstat
import pytest
from test_lock import PEOPLE, VS_ROWS, WEEK1, arrive, cheap_hashes, locked, results, study, word  # noqa: F401

from cdmlib import export, journal, lock
from cdmlib.errors import CdmError

pytestmark = pytest.mark.requirement("R31")


@pytest.fixture
def delivery(locked):  # noqa: F811
    return export.deliver(locked, "stan", "statistician")


def test_each_table_is_delivered_in_four_formats_with_the_values_that_were_signed(delivery):
    assert list(delivery.counts.table) == ["dm", "subjects", "visits", "vs"]
    assert (delivery.counts.set_index("table").loc["vs", ["rows", "parquet", "csv", "xpt", "dataset-json"]] == 3).all()
    expected = [("VS|1", "70", 70.0), ("VS|2", "81.5", 81.5), ("VS|3", "64", 64.0)]
    columns = ["record_key", "vsorres", "vsstresn"]
    frames = {
        "parquet": pd.read_parquet(delivery.folder / "parquet" / "vs.parquet"),
        "csv": pd.read_csv(delivery.folder / "csv" / "vs.csv", dtype={"vsorres": str, "subjid": str}),
        "xpt": pyreadstat.read_xport(delivery.folder / "xpt" / "vs.xpt")[0],
    }
    whole = json.loads((delivery.folder / "dataset-json" / "vs.json").read_text(encoding="utf-8"))
    frames["dataset-json"] = pd.DataFrame(whole["rows"], columns=[column["name"] for column in whole["columns"]])
    for form, frame in frames.items():
        assert sorted(frame[columns].itertuples(index=False, name=None)) == expected, form


def test_checksums_cover_every_file_and_the_journal_keeps_theirs(delivery, locked):  # noqa: F811
    lines = (delivery.folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    named = dict(reversed(line.split("  ")) for line in lines)
    files = {p.relative_to(delivery.folder).as_posix(): p for p in delivery.folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS"}
    assert named == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    entry = journal.read(locked, act="delivery")[-1]
    assert (entry.actor, entry.subject) == ("stan", "L001-001")
    assert entry.new == hashlib.sha256((delivery.folder / "SHA256SUMS").read_bytes()).hexdigest()


def test_the_record_count_sheet_names_each_table_and_shows_the_signatures(delivery):
    book = openpyxl.load_workbook(delivery.folder / "record_counts.xlsx")
    cells = [[cell.value for cell in row] for row in book["Record counts"].iter_rows(min_row=4)]
    assert [(row[0], row[1], *row[3:]) for row in cells] == [(name, 3, 3, 3, 3, 3, "equal") for name in ("dm", "subjects", "visits", "vs")]
    signed = [[cell.value for cell in row] for row in book["Signatures"].iter_rows(min_row=4)]
    assert [(row[0], row[1], row[2]) for row in signed] == [
        ("data management", "Dora Example", "data manager"),
        ("clinical", "Mark Example", "medical"),
        ("biostatistics", "Stan Example", "statistician"),
    ]
    assert all(row[3].endswith("+00:00") and row[4] == "I confirm that the data are complete and clean" for row in signed)


def test_only_a_lock_that_holds_is_delivered(study):  # noqa: F811
    with pytest.raises(CdmError, match="Study abc was never locked"):
        export.deliver(study, "stan", "statistician")
    lock.soft(study, "dora", "data manager")
    with pytest.raises(CdmError, match="the study is soft locked as L001"):
        export.deliver(study, "stan", "statistician")


def test_a_changed_set_is_not_delivered(locked):  # noqa: F811
    lock.frozen(locked).parquet("dm").write_bytes(b"")
    with pytest.raises(CdmError, match=r"dm.parquet of L001 was changed"):
        export.deliver(locked, "stan", "statistician")
    assert not (locked.folder / "deliveries").exists()


def test_values_that_are_hard_to_write_come_back_the_same(study):  # noqa: F811
    hard = ['"a ""quoted"" word"', '"comma, here"', '"two\nlines"', "=1+1", "NA", "NULL", "ü€ 漢字 😀", '"  spaces before"', "0.30000000000000004", "1e-12", "x" * 3000]
    rows = VS_ROWS + "".join(f"{n},00{n % 3 + 1},Week {n},05-JAN-2024,{value}\n" for n, value in enumerate(hard, 10))
    arrive(study, "2024-03-11", vs=rows)
    results(study, "2024-03-11")
    lock.soft(study, "dora", "data manager")
    for person, function in (("dora", "data management"), ("mark", "clinical"), ("stan", "biostatistics")):
        lock.sign(study, person, word(person), function, "complete")
    lock.final(study, "lena", "lead")
    made = export.deliver(study, "stan", "statistician")
    assert made.counts.set_index("table").loc["vs", "rows"] == 3 + len(hard)
    frame = pyreadstat.read_xport(made.folder / "xpt" / "vs.xpt")[0].set_index("record_key")
    assert frame.loc["VS|15", "vsorres"] == "NULL" and math.isclose(frame.loc["VS|19", "vsstresn"], 1e-12)


def test_a_second_delivery_has_a_folder_of_its_own_and_formats_can_be_chosen(locked):  # noqa: F811
    assert export.deliver(locked, "stan", "statistician", ("csv",)).folder.name == "L001-001"
    second = export.deliver(locked, "stan", "statistician", ("xpt", "parquet"))
    assert second.folder.name == "L001-002"
    assert {path.name for path in second.folder.iterdir()} == {"xpt", "parquet", "SHA256SUMS", "manifest.json", "record_counts.xlsx"}
    with pytest.raises(CdmError, match="There is no format sas; there are parquet, csv, xpt, dataset-json"):
        export.deliver(locked, "stan", "statistician", ("sas",))
