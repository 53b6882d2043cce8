"""Delimited text: in the declared dialect and encoding, every value as written, every row with its line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from cdmlib.errors import CdmError
from cdmlib.readers.as_text import EMPTY, FAULT, batch, emptied, fault, opened, visible
from cdmlib.readers.content import column_names, dataset_name
from cdmlib.readers.dataset import Dataset, Options, Quarantined

DELIMITERS = {",": ",", ";": ";", "\t": "\\t", "|": "|"}  # usual ones, as study.toml writes them
BATCH_ROWS, BATCH_CELLS = 50_000, 2_000_000


def read(path: Path, file: str, options: Options, trailer: str = "") -> list[Dataset]:
    """The dataset of one delimited text file.

    trailer: the last line, which is not data. Raises CdmError when the column names can't be used, the delimiter does
    not fit, or (while the batches are read) a quoted value does not end. Rows of another width, or with bytes that
    can't be read, are quarantined.
    """
    name, notes = dataset_name(file), []
    handle = opened(path, options.encoding_of(name), file, notes)
    held: list[str] = []
    try:
        above = [handle.readline() for _ in range(options.header_row - 1)]
        reader = _reader(_kept(handle, held, notes), options, file)
        header = _header(reader, held, file, options)
        labels = _labels(above[-1:], header, options, file)
        unnamed = len(header) > 1 and not header[-1].strip()
        columns = column_names(header[:-1] if unnamed else header, file, notes)
    except BaseException:
        handle.close()
        raise
    if above:
        use = ", the last of them taken as labels" if labels else ""
        notes.append(f"{len(above)} line(s) above the column names left out{use}")
    if unnamed:
        notes.append("empty last column without a name left out")
    dataset = Dataset(name, file, columns, iter(()), labels, notes=notes)
    dataset.batches = _batches(handle, reader, held, dataset, options, len(header), trailer)
    return [dataset]


def _batches(
    handle: io.TextIOWrapper, reader, held: list[str], dataset: Dataset, options: Options, width: int, trailer: str
) -> Iterator[pa.RecordBatch]:
    size = max(1, min(BATCH_ROWS, BATCH_CELLS // width))
    rows: list[list[str]] = []
    lines: list[int] = []
    pending: list[tuple[int, str]] = []  # blank lines and trailers: what they are depends on what follows
    text = "".join(held)
    with handle:
        while True:
            line, row, reason = options.header_row + reader.line_num, [], ""
            held.clear()
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                if len(held) > 1 or "unexpected end" in str(error):
                    raise _unclosed(dataset.file, line, options) from None
                reason = f"can't be split into values ({error})"
            text = held[0] if len(held) == 1 else "".join(held)
            if not reason and (not row or (trailer and text.rstrip("\r\n") == trailer)):
                pending.append((line, text))
                continue
            if pending:
                _set_aside(dataset, pending, width)
                pending = []
            dataset.rows += 1
            if not reason and len(row) != width:
                reason = f"has {len(row)} values where {width} are expected"
                if not text.endswith(("\n", "\r")):
                    reason += "; it is the last line and has no line end: the file seems to be cut"
            elif not reason and (not text.isascii() or "\0" in text) and FAULT.search(text):
                reason = _fault(row, dataset, options)
            if reason:
                dataset.quarantine.append(_quarantined(dataset, line, reason, text))
                continue
            rows.append(row)
            lines.append(line)
            if len(rows) == size:
                yield _batch(rows, lines, dataset, options)
                rows, lines = [], []
    _end(dataset, pending, width, text, trailer)
    if rows:
        yield _batch(rows, lines, dataset, options)


def _batch(rows: list[list[str]], lines: list[int], dataset: Dataset, options: Options) -> pa.RecordBatch:
    values = list(zip(*rows, strict=True))
    if len(values) > len(dataset.columns) and any(values[-1]):
        line, value = next((line, value) for line, value in zip(lines, values[-1], strict=True) if value)
        raise CdmError(f"{dataset.file}: line {line}: the last column holds {value!r} but has no name. Name it.")
    arrays = [emptied(pa.array(column, pa.string()), options.missing) for column in values[: len(dataset.columns)]]
    return batch(dataset.columns, arrays, lines)


def _end(dataset: Dataset, pending: list[tuple[int, str]], width: int, text: str, trailer: str) -> None:
    """Say how the file ends: with its trailer, blank lines, a line without a line end, or no row at all."""
    filled = [(line, last) for line, last in pending if last.strip("\r\n")]
    _set_aside(dataset, filled[:-1], width)  # a trailer that another one follows is no trailer
    if blank := len(pending) - len(filled):
        dataset.notes.append(f"{blank} blank line(s) at the end left out")
    if not trailer and not text.endswith(("\n", "\r")):
        dataset.notes.append("the last line has no line end: it may be cut")
    if not dataset.rows:
        dataset.notes.append(EMPTY)


def _set_aside(dataset: Dataset, pending: list[tuple[int, str]], width: int) -> None:
    for line, text in pending:
        dataset.rows += 1
        count = 1 if text.strip("\r\n") else 0
        reason = f"has {count} values where {width} are expected"
        dataset.quarantine.append(_quarantined(dataset, line, reason, text))


def _quarantined(dataset: Dataset, line: int, reason: str, text: str) -> Quarantined:
    return Quarantined(dataset.name, dataset.file, line, f"line {line}: {reason}", visible(text.rstrip("\r\n")))


def _fault(row: list[str], dataset: Dataset, options: Options) -> str:
    encoding = options.encoding_of(dataset.name)
    found = (fault(v, c, encoding, dataset.name) for c, v in zip([*dataset.columns, ""], row, strict=False))
    return next(filter(None, found), "holds bytes that can't be read")


def _header(reader, held: list[str], file: str, options: Options) -> list[str]:
    try:
        header = next(reader, [])
    except csv.Error as error:
        header = []
        if "unexpected end" in str(error) or len(held) > 1:
            raise _unclosed(file, options.header_row, options) from None
    text = "".join(held)
    counts = {other: text.count(other) for other in DELIMITERS if other != options.delimiter}
    likely = max(counts, key=counts.__getitem__)
    if len(header) < 2 and counts[likely]:
        declared = DELIMITERS.get(options.delimiter, options.delimiter)
        raise CdmError(
            f"{file}: the declared delimiter {declared!r} does not divide the column names; it seems to be "
            f'{DELIMITERS[likely]!r}. Declare delimiter = "{DELIMITERS[likely]}" if the sender has changed it.'
        )
    if not header:
        given = visible(text.strip()) or "nothing"
        raise CdmError(f"{file}: line {options.header_row} must hold the column names; given {given[:80]}.")
    return header


def _labels(above: list[str], header: list[str], options: Options, file: str) -> dict[str, str]:
    """The line above the column names as labels, when it has one for each (two header rows, as Viedoc writes them)."""
    try:
        labels = next(_reader(above, options, file), [])
    except csv.Error:
        labels = []
    return {name: label for name, label in zip(header, labels, strict=False) if label and len(labels) == len(header)}


def _reader(lines, options: Options, file: str):
    dialect = {"quotechar": options.quote} if options.quote else {"quoting": csv.QUOTE_NONE}
    try:
        return csv.reader(lines, delimiter=options.delimiter, strict=True, **dialect)
    except (TypeError, ValueError) as error:
        given = f"{options.delimiter!r} and {options.quote!r}"
        raise CdmError(f"{file}: delimiter and quote must be one character each; given {given} ({error}).") from None


def _kept(handle: io.TextIOWrapper, held: list[str], notes: list[str]) -> Iterator[str]:
    """The lines of a file, each also put aside until the record that it belongs to is read."""
    wide, marks = handle.encoding.startswith("utf-16"), 0
    for line in handle:
        if wide and "\ufeff" in line:  # secuTrial writes a mark around every value
            marks += line.count("\ufeff")
            line = line.replace("\ufeff", "")
        held.append(line)
        yield line
    if marks:
        notes.append(f"{marks} byte order mark(s) inside the file left out")


def _unclosed(file: str, line: int, options: Options) -> CdmError:
    return CdmError(
        f"{file}: line {line}: a value begins with {options.quote} there, and does not end where a value can end. "
        "Rows after it can't be told apart: ask for the file again, or correct the quote at the source."
    )
