"""SAS transport files, read column by column: each distinct value of a batch is turned into text once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cdmlib.errors import CdmError
from cdmlib.readers.as_text import EMPTY, FAULT, KEEP, batch, codec, emptied, fault, moment, numbers, visible
from cdmlib.readers.content import column_names, dataset_name
from cdmlib.readers.dataset import ROW, Dataset, Options, Quarantined
from cdmlib.readers.xpt_header import RECORD, Header, header_of

BATCH_ROWS, BATCH_BYTES = 50_000, 64_000_000
NEXT = b"HEADER RECORD*******MEM"  # begins another dataset in the same file
ASCII = "".join(map(chr, range(128)))
LOW = np.uint64((1 << 56) - 1)
MISSING = {ord("."): None, ord("_"): "._", **{code: f".{chr(code)}" for code in range(ord("A"), ord("Z") + 1)}}


def read(path: Path, file: str, options: Options) -> list[Dataset]:
    """The dataset of one transport file; its name is the file's, as split datasets share their member name.

    Raises CdmError when the file is damaged or cut, or holds several datasets. Rows with bytes that the declared
    encoding does not have are quarantined.
    """
    name, notes = dataset_name(file), []
    header = header_of(path, file, options.encoding_of(name), notes)
    columns = column_names([variable.name for variable in header.variables], file, notes)
    labels = {variable.name: variable.label for variable in header.variables if variable.label}
    dataset = Dataset(name, file, columns, iter(()), labels, notes=notes)
    dataset.batches = _batches(path, dataset, header, options)
    return [dataset]


def _batches(path: Path, dataset: Dataset, header: Header, options: Options) -> Iterator[pa.RecordBatch]:
    size = max(1, min(BATCH_ROWS, BATCH_BYTES // header.width))
    foreign: Counter[str] = Counter()
    with path.open("rb") as handle:
        handle.seek(header.start)
        for first in range(0, header.rows, size):
            raw = handle.read(min(size, header.rows - first) * header.width)
            if any((first * header.width + place) % RECORD == 0 for place in _places(raw)):
                raise CdmError(f"{dataset.file}: holds more than one dataset. Export each to a file of its own.")
            block = np.frombuffer(raw, np.uint8).reshape(-1, header.width)
            dataset.rows += len(block)
            yield _batch(block, first + 1, dataset, header, options, foreign)
    if foreign:
        found = ", ".join(f"{column} {count}" for column, count in foreign.items())
        dataset.notes.append(f"read as {options.encoding_of(dataset.name)}: values with bytes beyond ASCII: {found}")
    if not header.rows:
        dataset.notes.append(EMPTY)


def _places(raw: bytes) -> Iterator[int]:
    place = raw.find(NEXT)
    while place >= 0:
        yield place
        place = raw.find(NEXT, place + 1)


def _batch(
    block: np.ndarray, first: int, dataset: Dataset, header: Header, options: Options, foreign: Counter[str]
) -> pa.RecordBatch:
    encoding = codec(options.encoding_of(dataset.name), dataset.file)
    plain = ASCII.encode().decode(encoding, errors="replace") == ASCII
    arrays = []
    faults: dict[int, dict[str, str]] = {}  # row of the block: {column: text that can't be stored}
    for variable in header.variables:
        cells = np.ascontiguousarray(block[:, variable.start : variable.start + variable.width])
        fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(variable.width), len(block), [None, pa.py_buffer(cells)])
        coded = fixed.dictionary_encode()
        raw = np.frombuffer(coded.dictionary.buffers()[1], np.uint8)[: len(coded.dictionary) * variable.width]
        if variable.kind != "text":
            texts = _numbers(raw.reshape(-1, variable.width), variable.kind)
        elif plain and raw.max() < 128 and raw.min() > 0:
            texts = pc.ascii_rtrim(coded.dictionary.cast(pa.binary()).cast(pa.string()), characters=" ")
        else:
            values = [value.rstrip(b" \0").decode(encoding, KEEP) for value in coded.dictionary.to_pylist()]
            bad = {place for place, value in enumerate(values) if FAULT.search(value)}
            texts = pa.array([None if place in bad else value for place, value in enumerate(values)], pa.string())
            indices = coded.indices.to_numpy()
            for row in np.flatnonzero(np.isin(indices, list(bad))).tolist():
                faults.setdefault(row, {})[variable.name] = values[indices[row]]
            beyond = [place for place, value in enumerate(values) if not value.isascii()]
            if beyond and encoding != "utf-8":
                foreign[variable.name] += int(np.isin(indices, beyond).sum())
        arrays.append(emptied(texts, options.missing).take(coded.indices))
    found = batch(dataset.columns, arrays, np.arange(first, first + len(block)))
    for row, columns in faults.items():
        dataset.quarantine.append(_quarantined(found.slice(row, 1).to_pylist()[0], columns, dataset, options))
    return found.filter(pa.array(np.isin(np.arange(len(block)), list(faults), invert=True))) if faults else found


def _quarantined(record: dict, bad: dict[str, str], dataset: Dataset, options: Options) -> Quarantined:
    row = record.pop(ROW)
    column, value = next(iter(bad.items()))
    reason = f"record {row}: {fault(value, column, options.encoding_of(dataset.name), dataset.name)}"
    values = {name: value for name, value in (record | bad).items() if value is not None}
    return Quarantined(dataset.name, dataset.file, row, reason, visible(json.dumps(values, ensure_ascii=False)))


def _numbers(cells: np.ndarray, kind: str) -> pa.Array:
    """IBM floating point numbers of 2 to 8 bytes as text; missing is null, and a special missing keeps its letter."""
    raw = np.zeros((len(cells), 8), np.uint8)
    raw[:, : cells.shape[1]] = cells
    bits = raw.view(">u8").ravel().astype(np.uint64)
    values = np.ldexp((bits & LOW).astype(np.float64), 4 * (raw[:, 0] & 0x7F).astype(np.int32) - 4 * 64 - 56)
    values[raw[:, 0] > 0x7F] *= -1
    missing = ((bits & LOW) == 0) & np.isin(raw[:, 0], list(MISSING))
    values[missing] = np.nan
    if kind == "number":
        texts = numbers(values)
    else:
        texts = pa.array([None if value != value else moment(value, kind) for value in values.tolist()], pa.string())
    special = pa.array([MISSING[code] for code in raw[missing, 0].tolist()], pa.string())
    return pc.replace_with_mask(texts, pa.array(missing), special)
