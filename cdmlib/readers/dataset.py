"""What every reader gives: datasets of text, each row with the way back to the file it came from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

ROW = "source_row"  # line of a text file (the header is line 1), row of a sheet, or record number of a SAS file


@dataclass(frozen=True)
class Options:
    """How an extract is written, as its transfer specification (`[sources.…]` of study.toml) declares; no guesses.

    encodings: exceptions by dataset name. header_row: the line or sheet row with the column names, from 1.
    missing: texts that mean empty, such as NA; none by default.
    """

    encoding: str = "utf-8"
    encodings: dict[str, str] = field(default_factory=dict)
    delimiter: str = ","
    quote: str = '"'
    header_row: int = 1
    missing: tuple[str, ...] = ()

    def encoding_of(self, dataset: str) -> str:
        return self.encodings.get(dataset, self.encoding)


@dataclass(frozen=True)
class Quarantined:
    """A row that could not be stored, verbatim, with the reason."""

    dataset: str
    file: str
    row: int
    reason: str
    text: str


@dataclass
class Dataset:
    """One dataset of an extract: its columns, and its rows as batches of text read on demand.

    `file` is the path inside the extract (`edc/AE.csv`, `pilot.zip/SDTM/ae.xpt`). Batches hold `columns` as nullable
    strings and `source_row` (int64). `quarantine`, `notes` and `rows` (rows the file holds, counted where they are
    read) fill while the batches are read and are complete after the last.
    """

    name: str
    file: str
    columns: tuple[str, ...]
    batches: Iterator[pa.RecordBatch]
    labels: dict[str, str] = field(default_factory=dict)
    quarantine: list[Quarantined] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    rows: int = 0
