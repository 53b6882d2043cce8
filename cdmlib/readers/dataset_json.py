"""Dataset-JSON 1.1, as one document (.json) or line by line (.ndjson)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from cdmlib.errors import CdmError
from cdmlib.readers.as_text import EMPTY, FAULT, batch, emptied, fault, number, opened, visible
from cdmlib.readers.content import column_names, dataset_name
from cdmlib.readers.dataset import Dataset, Options, Quarantined

BATCH_ROWS, BATCH_CELLS = 50_000, 2_000_000


def read(path: Path, file: str, options: Options) -> list[Dataset]:
    """The dataset of one Dataset-JSON file; source_row counts its records from 1 in both forms.

    Raises CdmError when it is not JSON, not Dataset-JSON 1.1, or holds another number of records than it declares.
    Records with another number of values than columns are quarantined.
    """
    name, notes = dataset_name(file), []
    handle = opened(path, options.encoding_of(name), file, notes)
    if path.suffix.lower() == ".ndjson":
        head, rows = _parsed(handle.readline(), 1, file), _lines(handle, file)
    else:
        with handle:
            head = _parsed(handle.read(), 1, file)
        rows = head.get("rows", []) if isinstance(head, dict) else []
    columns, labels = _columns(head, file, notes)
    dataset = Dataset(name, file, columns, iter(()), labels, notes=notes)
    dataset.batches = _batches(dataset, rows, head.get("records"), options)
    return [dataset]


def _columns(head: object, file: str, notes: list[str]) -> tuple[tuple[str, ...], dict[str, str]]:
    """Column names and labels. Raises CdmError when the document is not what Dataset-JSON 1.1 lays down."""
    if isinstance(head, dict) and not str(head.get("datasetJSONVersion", "")).startswith("1.1"):
        given = head.get("datasetJSONVersion", "none")
        raise CdmError(f'{file}: "datasetJSONVersion" must be 1.1; given {given}. Ask for Dataset-JSON 1.1.')
    described = head.get("columns") if isinstance(head, dict) else None
    named = isinstance(described, list) and all(
        isinstance(c, dict) and isinstance(c.get("name"), str) for c in described
    )
    if not named:
        raise CdmError(f'{file}: must have "columns", each with a "name", as Dataset-JSON 1.1 does. Ask for it again.')
    if not isinstance(head.get("rows", []), list):
        raise CdmError(f'{file}: "rows" must be a list. Ask for the file again.')
    columns = column_names([column["name"] for column in described], file, notes)
    labels = {
        name: column["label"]
        for name, column in zip(columns, described, strict=True)
        if isinstance(column.get("label"), str)
    }
    return columns, labels


def _batches(dataset: Dataset, rows: list | Iterator, declared: object, options: Options) -> Iterator[pa.RecordBatch]:
    size = max(1, min(BATCH_ROWS, BATCH_CELLS // len(dataset.columns)))
    kept: list[list[str | None]] = []
    records: list[int] = []
    for row in rows:
        dataset.rows += 1
        values = [_text(value) for value in row] if isinstance(row, list) else [json.dumps(row, ensure_ascii=False)]
        if reason := _reason(row, values, dataset, options):
            reason, text = f"record {dataset.rows}: {reason}", visible(json.dumps(row, ensure_ascii=False))
            dataset.quarantine.append(Quarantined(dataset.name, dataset.file, dataset.rows, reason, text))
            continue
        kept.append(values)
        records.append(dataset.rows)
        if len(kept) == size:
            yield _batch(kept, records, dataset, options)
            kept, records = [], []
    if declared is None:
        dataset.notes.append('no "records" declared, so that a cut file could not be told')
    elif declared != dataset.rows:
        raise CdmError(
            f"{dataset.file}: declares {declared} records but holds {dataset.rows}: it is cut. Get it again."
        )
    if kept:
        yield _batch(kept, records, dataset, options)
    if not dataset.rows:
        dataset.notes.append(EMPTY)


def _batch(kept: list[list[str | None]], records: list[int], dataset: Dataset, options: Options) -> pa.RecordBatch:
    arrays = [emptied(pa.array(column, pa.string()), options.missing) for column in zip(*kept, strict=True)]
    return batch(dataset.columns, arrays, records)


def _text(value: object) -> str | None:
    """A JSON value as text: numbers as SAS files give them, true and false as JSON writes them."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, dict, list)):
        return json.dumps(value, ensure_ascii=False)
    return number(value)


def _reason(row: object, values: list[str | None], dataset: Dataset, options: Options) -> str:
    if not isinstance(row, list):
        return "must be a list of values"
    if len(values) != len(dataset.columns):
        return f"has {len(values)} values where {len(dataset.columns)} are expected"
    for column, value in zip(dataset.columns, values, strict=True):
        if value and FAULT.search(value):
            return fault(value, column, options.encoding_of(dataset.name), dataset.name)
    return ""


def _lines(handle, file: str) -> Iterator[object]:
    with handle:
        for line, text in enumerate(handle, 2):
            if text.strip():
                yield _parsed(text, line, file)


def _parsed(text: str, line: int, file: str):
    try:
        return json.loads(text, parse_float=_float, parse_constant=_no_constant)
    except RecursionError:
        reason = f"line {line}: brackets are nested too deeply"
    except json.JSONDecodeError as error:
        reason = f"line {line + error.lineno - 1}, character {error.colno}: {error.msg}"
    except ValueError as error:
        reason = f"line {line}: {error}"
    raise CdmError(f"{file}: {reason}. It is not valid JSON: the file may be cut; get it again.")


def _float(text: str) -> float | str:
    value = float(text)
    return text if math.isinf(value) else value  # too large to be held as a number: kept as it is written


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
