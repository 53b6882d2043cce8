"""Viedoc CSV exports, long or wide: a row of labels, a row of ids, and the data below."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from pathlib import Path

from cdmlib.errors import CdmError
from cdmlib.readers import csv_text
from cdmlib.readers.as_text import opened, visible
from cdmlib.readers.content import dataset_name
from cdmlib.readers.dataset import Dataset, Options

DECORATION = re.compile(r".+_\d{8}_\d{6}_(?=.)")  # study and time of the export before the form's id
ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]*")
PLACE = ("SiteSeq", "SubjectSeq", "EventSeq", "ActivityId", "FormId", "FormSeq", "ItemGroupId", "ItemGroupSeq")
KEYS = (("*", (*PLACE, "ItemId")), ("*", PLACE[:6]))  # long, a row per item; wide, a row per form
SAVED = ("EditDateTime", "EditBy", "EditReason", "DesignVersion")


def read(path: Path, file: str, options: Options) -> list[Dataset]:
    """The dataset of one file, named by its form alone (STUDY_20240131_120000_AE is AE); columns are called by their ids.

    header_row: the line of the ids, 2 unless a later one is declared. Raises CdmError when a header row is missing, and
    as reading delimited text does.
    """
    name = DECORATION.sub("", dataset_name(file))
    options = replace(options, encoding=options.encoding_of(name), encodings={}, header_row=max(options.header_row, 2))
    labels, ids, line = _headers(path, file, options)
    if (len(labels) > 1 or len(ids) > 1) and (len(labels) != len(ids) or not all(map(ID.fullmatch, ids))):
        odd = next((f"; {visible(value)[:40]!r} is no id" for value in ids if not ID.fullmatch(value)), "")
        raise CdmError(
            f"{file}: line {options.header_row - 1} must hold labels and line {line} one id for each, as Viedoc writes "
            f"them; given {len(labels)} and {len(ids)} values{odd}. Export with both header rows, or declare another "
            "layout or header_row."
        )
    (dataset,) = csv_text.read(path, file, replace(options, header_row=line))
    dataset.name = name
    dataset.labels = {column: label for column, label in zip(dataset.columns, labels, strict=False) if label}
    return [dataset]


def _headers(path: Path, file: str, options: Options) -> tuple[list[str], list[str], int]:
    """Labels, ids and the line of the ids; all empty where the dialect does not fit, of which `csv_text` says more."""
    dialect = {"quotechar": options.quote} if options.quote else {"quoting": csv.QUOTE_NONE}
    with opened(path, options.encoding, file, []) as handle:
        above = [handle.readline() for _ in range(options.header_row - 2)]
        try:
            reader = csv.reader(handle, delimiter=options.delimiter, **dialect)
            labels, ids = next(reader, []), next(reader, [])
        except (csv.Error, TypeError, ValueError):
            return [], [], options.header_row
        return labels, ids, max(len(above) + reader.line_num, options.header_row)
