"""CDISC ODM 1.3 clinical data, plain or with OpenClinica's extensions: item values, audit trail, discrepancy notes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from cdmlib.readers.as_text import EMPTY, batch, codec, emptied
from cdmlib.readers.content import column_names, dataset_name
from cdmlib.readers.dataset import Dataset, Options
from cdmlib.readers.odm_rows import DATASETS, KEYS, Row, subjects
from cdmlib.readers.odm_xml import elements, is_odm

BATCH_ROWS = 50_000
SAVED = ("MetaDataVersionOID",)  # a new version of the study's definition changes no value
PLACE = tuple(key for key in KEYS if key not in ("StudyOID", "MetaDataVersionOID", "StudySubjectID"))
RECORDS = (
    ("ITEMS", PLACE), ("SUBJECTS", PLACE[:1]), ("EVENTS", PLACE[:3]), ("FORMS", PLACE[:5]),
    ("AUDIT", (*PLACE, "EntityID", "ID")), ("NOTES", (*PLACE, "EntityID", "ID")),
)  # fmt: skip


@dataclass
class _Table:
    """The rows of a dataset on their way to a file of their own, and the columns found so far."""

    columns: dict[str, None]
    rows: list[Row] = field(default_factory=list)
    spool: BinaryIO = field(default_factory=tempfile.TemporaryFile)
    count: int = 0


def read(path: Path, file: str, options: Options) -> list[Dataset]:
    """The datasets ITEMS, SUBJECTS, EVENTS, FORMS, AUDIT and NOTES of one ODM file; source_row counts the rows of each.

    The file is read in one pass, in the encoding that it names unless another than utf-8 is declared. Raises CdmError
    when it is cut, not well-formed, not ODM 1.2 or 1.3, or has a document type declaration.
    """
    encoding, notes = codec(options.encoding_of(dataset_name(file)), file), []
    tables = {name: _Table(dict.fromkeys(columns)) for name, columns in DATASETS.items()}
    for found in subjects(path, file, "" if encoding == "utf-8" else encoding, notes):
        for name, rows in found.items():
            tables[name].rows += rows
        if sum(len(table.rows) for table in tables.values()) > BATCH_ROWS:
            _spool(tables)
    _spool(tables)
    if not tables["SUBJECTS"].count:
        notes.insert(0, "no subject in the file")
    datasets = [Dataset(name, file, column_names(list(t.columns), file, []), iter(())) for name, t in tables.items()]
    for dataset, table in zip(datasets, tables.values(), strict=True):
        dataset.batches = _batches(dataset, table, options)
    datasets[0].notes += notes
    return datasets


def has_subjects(path: Path, file: str) -> bool:
    """Whether a file is ODM with subjects' data, not metadata alone. Raises CdmError as `elements` does."""
    for _, name, element in elements(path, file):
        if name == "SubjectData" or (element.getparent() is None and not is_odm(element)):
            return name == "SubjectData"
    return False


def _spool(tables: dict[str, _Table]) -> None:
    """Write the rows gathered so far to disk, so that a file larger than the memory can be read."""
    for table in tables.values():
        for row in table.rows:
            table.columns.update(dict.fromkeys(row))
        if table.rows:
            arrays = [pa.array([row.get(column) for row in table.rows], pa.string()) for column in table.columns]
            found = pa.RecordBatch.from_arrays(arrays, list(table.columns))
            with pa.ipc.new_stream(
                table.spool, found.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
            ) as out:
                out.write_batch(found)
            table.count += len(table.rows)
            table.rows = []


def _batches(dataset: Dataset, table: _Table, options: Options) -> Iterator[pa.RecordBatch]:
    with table.spool as spool:
        spool.seek(0)
        while dataset.rows < table.count:
            with pa.ipc.open_stream(spool) as stream:
                (found,) = stream
            nothing = pa.nulls(len(found), pa.string())  # for columns that turned up later in the file
            arrays = [found.column(c) if c in found.schema.names else nothing for c in dataset.columns]
            rows = list(range(dataset.rows + 1, dataset.rows + len(found) + 1))
            dataset.rows += len(found)
            yield batch(dataset.columns, [emptied(texts, options.missing) for texts in arrays], rows)
    if not dataset.rows:
        dataset.notes.append(EMPTY)
