"""Excel and OpenDocument workbooks: each sheet with column names is a dataset."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from cdmlib.errors import CdmError
from cdmlib.readers.as_text import FAULT, batch, emptied, fault, moment, number, visible
from cdmlib.readers.content import column_names, dataset_name
from cdmlib.readers.dataset import Dataset, Options, Quarantined
from cdmlib.readers.extract import check_members

UNNAMED = re.compile(r"(sheet|tabelle|feuil|hoja|foglio)\s?\d*", re.IGNORECASE)  # names that a workbook gives by itself
ERROR = re.compile(rb'<c r="([A-Z]+\d+)"[^>]*\bt="e"')


def read(path: Path, file: str, options: Options) -> list[Dataset]:
    """The datasets of one workbook, named as its sheets; a single sheet without a name of its own is named as the file.

    Raises CdmError when the workbook is damaged or protected by a password, or when a column with values has no name.
    """
    notes: list[str] = []
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                check_members(archive.infolist(), file)
                notes += _errors(archive)
        with CalamineWorkbook.from_path(path) as workbook:
            sheets = [
                (
                    sheet.name,
                    sheet.visible == SheetVisibleEnum.Visible,
                    workbook.get_sheet_by_index(place).to_python(skip_empty_area=False),
                )
                for place, sheet in enumerate(workbook.sheets_metadata)
                if sheet.typ == SheetTypeEnum.WorkSheet
            ]
    except (CalamineError, zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError) as error:
        raise CdmError(
            f"{file}: the workbook can't be opened ({error}). Ask for it again, without a password."
        ) from None
    datasets = []
    for name, shown, cells in sheets:
        header = (
            [_text(cell) or "" for cell in cells[options.header_row - 1]] if len(cells) >= options.header_row else []
        )
        if not any(name.strip() for name in header):
            notes.append(
                f"sheet {name}: left out, no column names in row {options.header_row}"
                if _filled(cells)
                else f"sheet {name}: empty"
            )
            continue
        datasets.append(
            _sheet(
                file,
                name,
                header,
                cells,
                options,
                [] if shown else [f"sheet {name} is hidden; it is read all the same"],
            )
        )
    if not datasets:
        raise CdmError(
            f"{file}: no sheet has column names in row {options.header_row}. Declare header_row as the row that has them."
        )
    if len(datasets) == 1 and UNNAMED.fullmatch(datasets[0].name):
        datasets[0].name = dataset_name(file)
    datasets[0].notes[:0] = notes
    return datasets


def _sheet(file: str, name: str, header: list[str], cells: list[list], options: Options, notes: list[str]) -> Dataset:
    below = cells[options.header_row :]
    filled = {place for place in range(len(header)) if any(row[place] != "" for row in below)}
    end = max(place for place, text in enumerate(header) if text.strip()) + 1
    while end in filled:  # the table goes on as far as values adjoin it
        end += 1
    used = [place for place in range(end) if header[place].strip() or place in filled]
    if nameless := [_letters(place) for place in used if not header[place].strip()]:
        column = f"column {', '.join(nameless)} holds values but has no name in row {options.header_row}"
        raise CdmError(f"{file}: sheet {name}: {column}. Name it, or declare the header_row that has the names.")
    if apart := [
        f"{_letters(place)} ({sum(row[place] != '' for row in below)})" for place in sorted(filled) if place > end
    ]:
        notes.append(f"values in columns apart from the table and without a name left out: {', '.join(apart)}")
    columns = column_names([header[place] for place in used], f"{file}: sheet {name}", notes)
    if options.header_row > 1 and any(map(_filled, ([row] for row in cells[: options.header_row - 1]))):
        notes.append(f"{options.header_row - 1} row(s) above the column names left out")
    dataset = Dataset(name.upper(), file, columns, iter(()), notes=notes)
    dataset.batches = _batches(dataset, below, used, options)
    return dataset


def _batches(dataset: Dataset, below: list[list], used: list[int], options: Options) -> Iterator[pa.RecordBatch]:
    kept: list[list[str | None]] = []
    places: list[int] = []
    blank = []
    for place, cells in enumerate(below, options.header_row + 1):
        values = [_text(cells[column]) for column in used]
        if not any(values):
            blank.append(place)
            continue
        dataset.rows += 1
        faults = (
            fault(value or "", column, "", dataset.name) for column, value in zip(dataset.columns, values, strict=True)
        )
        if reason := next(filter(None, faults), "") if FAULT.search("".join(filter(None, values))) else "":
            text = visible("\t".join(value or "" for value in values))
            dataset.quarantine.append(Quarantined(dataset.name, dataset.file, place, f"row {place}: {reason}", text))
            continue
        kept.append(values)
        places.append(place)
    if inner := [place for place in blank if places and place < places[-1]]:
        dataset.notes.append(f"{len(inner)} blank row(s) between others left out, the first at row {inner[0]}")
    if not dataset.rows:
        dataset.notes.append("the sheet holds column names only, no rows")
    if kept:
        arrays = [emptied(pa.array(column, pa.string()), options.missing) for column in zip(*kept, strict=True)]
        yield batch(dataset.columns, arrays, places)


def _text(cell: object) -> str | None:
    """A cell as text: whole numbers without a point, dates and times as ISO 8601, yes/no cells as Excel shows them."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, (int, float)):
        return number(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds") if not cell.microsecond else cell.isoformat().rstrip("0")
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return moment(cell.total_seconds(), "time")
    return cell or None


def _filled(cells: list[list]) -> bool:
    return any(cell != "" for row in cells for cell in row)


def _letters(place: int) -> str:
    return (_letters(place // 26 - 1) if place >= 26 else "") + chr(65 + place % 26)


def _errors(archive: zipfile.ZipFile) -> list[str]:
    """Cells that hold an Excel error, which come out empty."""
    found = {}
    for info in archive.infolist():
        if info.filename.startswith("xl/worksheets/") and info.filename.endswith(".xml"):
            if cells := ERROR.findall(archive.read(info)):
                found[info.filename.rsplit("/", 1)[-1]] = cells
    return [
        f"{name}: {len(cells)} cell(s) with an Excel error read as empty, the first {cells[0].decode()}"
        for name, cells in found.items()
    ]
