"""SAS datasets (sas7bdat), read by pyreadstat; transport files have a reader of their own in `xpt`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyreadstat

from cdmlib.errors import CdmError
from cdmlib.readers.as_text import EMPTY, batch, codec, emptied, moment, moment_kind, number, numbers
from cdmlib.readers.content import column_names, dataset_name
from cdmlib.readers.dataset import Dataset, Options

BATCH_ROWS, BATCH_CELLS = 100_000, 5_000_000


def read(path: Path, file: str, options: Options) -> list[Dataset]:
    """The dataset of one sas7bdat file, in the encoding that the file names unless another than utf-8 is declared.

    Raises CdmError when the file is damaged, or holds bytes that its encoding does not have.
    """
    name, notes = dataset_name(file), []
    declared = codec(options.encoding_of(name), file)
    encoding = None if declared == "utf-8" else declared
    _, meta = _read(path, file, encoding, metadataonly=True)
    if meta.number_rows is None or None in meta.column_names:
        raise CdmError(f"{file}: the SAS dataset is damaged: its columns or records are not described. Get it again.")
    columns = column_names(meta.column_names, file, notes)
    notes.append(
        f"read as {encoding or meta.file_encoding or 'utf-8'}" + ("" if encoding else ", as the file itself declares")
    )
    labels = {column: label for column, label in zip(columns, meta.column_labels, strict=True) if label}
    dataset = Dataset(name, file, columns, iter(()), labels, notes=notes)
    dataset.batches = _batches(path, dataset, meta, encoding, options)
    return [dataset]


def _batches(path: Path, dataset: Dataset, meta, encoding: str | None, options: Options) -> Iterator[pa.RecordBatch]:
    size = max(1, min(BATCH_ROWS, BATCH_CELLS // len(dataset.columns)))
    for first in range(0, meta.number_rows, size):
        found, _ = _read(
            path, dataset.file, encoding, row_offset=first, row_limit=size, user_missing=True,
            disable_datetime_conversion=True, output_format="dict",
        )  # fmt: skip
        arrays = []
        for column in meta.column_names:
            text = meta.readstat_variable_types[column] == "string"
            kind = "" if text else moment_kind(meta.original_variable_types[column] or "")
            arrays.append(emptied(_texts(found[column], text, kind), options.missing))
        count = len(arrays[0])
        dataset.rows += count
        yield batch(dataset.columns, arrays, np.arange(first + 1, first + count + 1))
    if dataset.rows != meta.number_rows:
        raise CdmError(
            f"{dataset.file}: declares {meta.number_rows} records but holds {dataset.rows}: it is cut. Get it again."
        )
    if not dataset.rows:
        dataset.notes.append(EMPTY)


def _texts(values: np.ndarray | list, text: bool, kind: str) -> pa.Array:
    """A column as text; special missing values, letters among the numbers, keep theirs as .A to .Z and ._"""
    if text:
        return pa.array([(value or "").rstrip(" ") for value in values], pa.string())
    if isinstance(values, np.ndarray) and values.dtype.kind in "fi" and not kind:
        return numbers(values.astype(np.float64))
    return pa.array([_value(value, kind) for value in values], pa.string())


def _value(value: float | str | None, kind: str) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, str):
        return f".{value}"
    return moment(value, kind) if kind else number(value)


def _read(path: Path, file: str, encoding: str | None, **how):
    try:
        return pyreadstat.read_sas7bdat(path, encoding=encoding, **how)
    except UnicodeDecodeError as error:
        bad = f"byte 0x{error.object[error.start]:02X}"
        name = dataset_name(file).lower()
        raise CdmError(
            f'{file}: {bad} can\'t be read; declare encodings.{name} = "cp1252" if that is how it was written.'
        ) from None
    except (
        pyreadstat.ReadstatError,
        pyreadstat.PyreadstatError,
        ValueError,
        TypeError,
        ArithmeticError,
        MemoryError,
    ) as error:
        raise CdmError(
            f"{file}: the SAS dataset can't be read ({error}). Ask for the file again, or for a transport file."
        ) from None
