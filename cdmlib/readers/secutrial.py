"""secuTrial exports: quoted, tab-separated text in files called .xls, one for each form and table of the system."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pyarrow as pa

from cdmlib.errors import CdmError
from cdmlib.readers import csv_text
from cdmlib.readers.as_text import BOMS, batch, emptied, opened, visible
from cdmlib.readers.content import dataset_name
from cdmlib.readers.dataset import ROW, Dataset, Options, Quarantined

DESCRIPTION = re.compile(r"ExportOptions.*\.html?", re.IGNORECASE)  # the page that comes with every export
CHARSET = re.compile(rb"charset=[\"']?([A-Za-z0-9._:-]+)")
DECORATED = re.compile(r"(.+)_([^_]+)_\d{8}-\d{6}")  # table_PROJECT_time of the export
SHORT = {  # the system's tables as "Shorten table name" calls them, by their full names
    "CASENODES": "CN", "CASEVISITPLANS": "CVP", "CENTRES": "CTR", "COMMENTS": "CTS", "FORMS": "FS", "ITEMS": "IS",
    "QUERIES": "QAC", "QUESTIONS": "QS", "VISITPLAN": "VP", "VISITPLANFORMS": "VPFS",
}  # fmt: skip
KEYS = (
    ("CL", ("column", "code")), ("CTR", ("mnpctrid",)), ("FS", ("formid",)), ("IS", ("ffid",)), ("QS", ("fgid",)),
    ("VP", ("mnpvisid",)), ("VPFS", ("mnpvisid", "formid")), ("AT*", ("mnpatsubdocid",)), ("AT*", ("mnpatdocid",)),
    ("CN", ("mnppid",)), ("CVP", ("mnpcvpid",)), ("QAC", ("mnpqueryid",)), ("CTS", ("mnpcommentid",)),
    ("*", ("mnpsubdocid",)), ("*", ("mnpdocid",)),
)  # fmt: skip
SAVED = ("mnplastedit",)


def read(path: Path, file: str, options: Options) -> list[Dataset]:
    """The dataset of one file of an export, named as the export option "Shorten table name" names it (see `table`).

    Values are separated by tabs unless another delimiter than the comma is declared. An empty value beyond the last
    column is left out. Raises CdmError as reading delimited text does.
    """
    name = table(dataset_name(file))
    delimiter = "\t" if options.delimiter == "," else options.delimiter
    options = replace(options, encoding=options.encoding_of(name), encodings={}, delimiter=delimiter)
    with opened(path, options.encoding, file, []) as handle:
        first = handle.readline(10_000)
    if delimiter == "\t" and delimiter not in first and "," in first:
        raise CdmError(
            f"{file}: values must be separated by tabs, as secuTrial writes them for MS Excel; line 1 is "
            f'{visible(first.strip())[:60]}. Export it so, or declare layout = "csv".'
        )
    (dataset,) = csv_text.read(path, file, options)
    dataset.name = name
    dataset.batches = _batches(dataset, dataset.batches, options)
    return [dataset]


def table(stem: str) -> str:
    """The short name of a table: the same in exports with and without the project and the time in the file names.

    ATMNPABC01AE_ABC01_20240131-120000 is ATAE, EMNPABC01LAB_ABC01_… is ELAB, CASENODES_ABC01_… is CN; AT: audit trail.
    """
    if not (full := DECORATED.fullmatch(stem)):
        return stem
    if form := re.fullmatch(rf"(AT)?(E)?MNP{re.escape(full[2])}(.+)", full[1]):
        return "".join(filter(None, form.groups()))
    audit = "AT" if full[1].startswith("AT") and full[1][2:] in SHORT else ""
    return audit + SHORT.get(full[1].removeprefix(audit), full[1].removeprefix(audit))


def described(names: list[str]) -> dict[str, str]:
    """The pages among the files of an extract that describe a secuTrial export, each with the folder that they describe."""
    pages = map(PurePosixPath, names)
    return {str(page): str(page.parent) for page in pages if DESCRIPTION.fullmatch(page.name)}


def encoding(page: Path) -> str:
    """The encoding of an export as the page that describes it says; empty when it says none that is known."""
    head = page.read_bytes()[:4096]
    if bom := next((bom for bom in BOMS if head.startswith(bom)), b""):
        return BOMS[bom][0][0]
    try:
        return codecs.lookup(CHARSET.search(head)[1].decode()).name
    except (LookupError, TypeError):
        return ""


def _batches(dataset: Dataset, batches: Iterator[pa.RecordBatch], options: Options) -> Iterator[pa.RecordBatch]:
    """The batches, with the rows that were set aside only for an empty value beyond the last column in their places."""
    count = 0
    for found in batches:
        rows = _longer(dataset, options)
        count += len(rows)
        yield _joined(found, rows, dataset, options)
    if rows := _longer(dataset, options):
        count += len(rows)
        yield _joined(None, rows, dataset, options)
    if count:
        dataset.notes.append(f"{count} row(s) end with an empty value beyond the last column; it is left out")


def _longer(dataset: Dataset, options: Options) -> dict[int, list[str]]:
    """Take such rows (the system's own entries of the code list) out of the quarantine."""
    width, rows, kept = len(dataset.columns), {}, []
    for row in dataset.quarantine:
        values = _values(row, width, options)
        if len(values) == width + 1 and not values[-1]:
            rows[row.row] = values[:-1]
        else:
            kept.append(row)
    dataset.quarantine[:] = kept
    return rows


def _values(row: Quarantined, width: int, options: Options) -> list[str]:
    only = f"line {row.row}: has {width + 1} values where {width} are expected"
    if row.reason != only or "\\" in row.text:  # a backslash may spell out what could not be read
        return []
    dialect = {"quotechar": options.quote} if options.quote else {"quoting": csv.QUOTE_NONE}
    return next(csv.reader(io.StringIO(row.text, newline=""), delimiter=options.delimiter, **dialect))


def _joined(
    found: pa.RecordBatch | None, rows: dict[int, list[str]], dataset: Dataset, options: Options
) -> pa.RecordBatch:
    if not rows:
        return found
    columns = zip(*rows.values(), strict=True)
    arrays = [emptied(pa.array(column, pa.string()), options.missing) for column in columns]
    more = batch(dataset.columns, arrays, list(rows))
    both = pa.Table.from_batches([found, more] if found else [more]).sort_by(ROW).combine_chunks()
    return both.to_batches()[0]
