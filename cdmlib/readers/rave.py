"""Rave clinical views as CSV: delimited text that names its records and ends with the line EOF."""

from __future__ import annotations

from pathlib import Path

from cdmlib.errors import CdmError
from cdmlib.readers import csv_text
from cdmlib.readers.as_text import codec, visible
from cdmlib.readers.content import dataset_name
from cdmlib.readers.dataset import Dataset, Options

REQUIRED = ("Subject", "RecordId", "RecordActive")
TRAILER = "EOF"
KEYS = (("*", ("RecordId",)),)
SAVED = ("userid", "SaveTs", "MinCreated", "MaxUpdated")  # who asked for the extract, and when a record was saved
LAST_CONTEXT = "MaxUpdated"  # the last column about the record; the form's fields follow
PARTS = ("_RAW", "", "_STD", "_INT", "_YYYY", "_MM", "_DD")  # endings of the columns of one field, as entered first


def read(path: Path, file: str, options: Options) -> list[Dataset]:
    """The dataset of one clinical view. Raises CdmError when its last line is not EOF or it names no records."""
    if (end := last_line(path, options.encoding_of(dataset_name(file)), file)) != TRAILER:
        raise CdmError(
            f"{file}: the last line must be {TRAILER}; it is {visible(end)[:80]!r}. The download is cut: get it again."
        )
    datasets = csv_text.read(path, file, options, TRAILER)
    if lacking := missing(datasets[0].columns):
        datasets[0].batches.close()
        raise CdmError(
            f"{file}: a Rave clinical view must have the columns {', '.join(REQUIRED)}; {', '.join(lacking)} not found."
        )
    return datasets


def missing(columns: tuple[str, ...]) -> list[str]:
    """The columns that make a file a Rave clinical view and are not among these."""
    there = {column.lower() for column in columns}
    return [column for column in REQUIRED if column.lower() not in there]


def last_line(path: Path, encoding: str, file: str) -> str:
    """The last line of a text file that is not blank."""
    size = path.stat().st_size
    with path.open("rb") as handle:
        handle.seek(max(0, size - 4096))
        tail = handle.read().decode(codec(encoding, file), errors="replace")
    return tail.rstrip().replace("\r", "\n").rsplit("\n", 1)[-1].strip("\ufeff")
