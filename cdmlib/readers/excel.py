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
from cdmlib.readers.as_text import EMPTY, FAULT, batch, emptied, fault, moment, number, visible
from cdmlib.readers.content import column_names, dataset_name
from cdmlib.readers.dataset import Dataset, Options, Quarantined
from cdmlib.readers.extract import DAMAGED, check_members

UNNAMED = re.compile(r"(sheet|tabelle|feuil|hoja|foglio)\s?\d*", re.IGNORECASE)  # names that a workbook gives by itself
ROWS, COLUMNS = re.compile(rb'<row [^>]*?\br="(\d+)"'), re.compile(rb'<c r="([A-Z]+)')
ERROR = re.compile(rb'<c r="([A-Z]+\d+)"[^>]*\bt="e"')
CELLS = 20_000_000  # a sheet is held in memory from its first cell to its last


def read(path: Path, file: str, options: Options) -> list[Dataset]:
    """The datasets of one workbook, named as its sheets; a single sheet without a name of its own is named as the file.

    Raises CdmError when the workbook is damaged or protected by a password, or when a column with values has no name.
    """
    row = options.header_row
    try:
        notes = _looked_through(path, file)
        with CalamineWorkbook.from_path(path) as workbook:
            sheets = [
                (sheet, workbook.get_sheet_by_index(place).to_python(skip_empty_area=False))
                for place, sheet in enumerate(workbook.sheets_metadata)
                if sheet.typ == SheetTypeEnum.WorkSheet
            ]
    except (CalamineError, *DAMAGED) as error:
        raise CdmError(f"{file}: the workbook can't be opened ({error}). Ask for it again, with no password.") from None
    datasets = []
    for sheet, cells in sheets:
        if len(cells) >= row and any(str(cell).strip() for cell in cells[row - 1]):
            datasets.append(_sheet(file, sheet.name, cells, options))
            if sheet.visible != SheetVisibleEnum.Visible:
                datasets[-1].notes.append(f"sheet {sheet.name} is hidden; it is read all the same")
        else:
            filled = any(cell != "" for line in cells for cell in line)
            why = f"no column names in row {row}" if filled else "empty"
            notes.append(f"sheet {sheet.name} left out: {why}")
    if not datasets:
        raise CdmError(f"{file}: no sheet has column names in row {row}. Declare header_row as the row that has them.")
    if len(datasets) == 1 and UNNAMED.fullmatch(datasets[0].name):
        datasets[0].name = dataset_name(file)
    datasets[0].notes[:0] = notes
    return datasets


def _looked_through(path: Path, file: str) -> list[str]:
    """Notes on cells that will come out empty. Raises CdmError when a sheet is too large to be held in memory."""
    notes = []
    if not zipfile.is_zipfile(path):
        return notes
    with zipfile.ZipFile(path) as archive:
        check_members(archive.infolist(), file)
        for info in archive.infolist():
            if not info.filename.startswith("xl/worksheets/") or not info.filename.endswith(".xml"):
                continue
            sheet, xml = info.filename.rsplit("/", 1)[-1], archive.read(info)
            rows = max(map(int, ROWS.findall(xml)), default=0)
            columns = max(map(_place, set(COLUMNS.findall(xml))), default=0)
            if rows * columns > CELLS:
                span = f"reaches to row {rows:,} and column {columns:,}"
                raise CdmError(f"{file}: {sheet} {span}; a stray cell? Clear what lies below the table, or send CSV.")
            if errors := ERROR.findall(xml):
                first = errors[0].decode()
                notes.append(f"{sheet}: {len(errors)} cell(s) with an Excel error read as empty, the first {first}")
    return notes


def _sheet(file: str, name: str, cells: list[list], options: Options) -> Dataset:
    row, notes = options.header_row, []
    header, below = [_text(cell) or "" for cell in cells[row - 1]], cells[row:]
    filled = {place for place in range(len(header)) if any(line[place] != "" for line in below)}
    end = max(place for place, text in enumerate(header) if text.strip()) + 1
    while end in filled:  # the table goes on as far as values adjoin it
        end += 1
    used = [place for place in range(end) if header[place].strip() or place in filled]
    if nameless := [_letters(place) for place in used if not header[place].strip()]:
        column = f"column {', '.join(nameless)} holds values but has no name in row {row}"
        raise CdmError(f"{file}: sheet {name}: {column}. Name it, or declare the header_row that has the names.")
    apart = {_letters(place): sum(line[place] != "" for line in below) for place in sorted(filled) if place > end}
    if apart:
        found = ", ".join(f"{column} ({count})" for column, count in apart.items())
        notes.append(f"values in columns apart from the table and without a name left out: {found}")
    if any(cell != "" for line in cells[: row - 1] for cell in line):
        notes.append(f"{row - 1} row(s) above the column names left out")
    columns = column_names([header[place] for place in used], f"{file}: sheet {name}", notes)
    dataset = Dataset(name.upper(), file, columns, iter(()), notes=notes)
    dataset.batches = _batches(dataset, below, used, options)
    return dataset


def _batches(dataset: Dataset, below: list[list], used: list[int], options: Options) -> Iterator[pa.RecordBatch]:
    kept: dict[int, list[str | None]] = {}
    blank = []
    for place, cells in enumerate(below, options.header_row + 1):
        values = [_text(cells[column]) for column in used]
        if not any(values):
            blank.append(place)
            continue
        dataset.rows += 1
        if FAULT.search("".join(filter(None, values))):
            faults = (fault(v or "", c, "", dataset.name) for c, v in zip(dataset.columns, values, strict=True))
            reason = f"row {place}: {next(filter(None, faults))}"
            text = visible("\t".join(value or "" for value in values))
            dataset.quarantine.append(Quarantined(dataset.name, dataset.file, place, reason, text))
            continue
        kept[place] = values
    if inner := [place for place in blank if kept and place < max(kept)]:
        dataset.notes.append(f"{len(inner)} blank row(s) between others left out, the first at row {inner[0]}")
    if not dataset.rows:
        dataset.notes.append(EMPTY)
    if kept:
        arrays = [
            emptied(pa.array(column, pa.string()), options.missing) for column in zip(*kept.values(), strict=True)
        ]
        yield batch(dataset.columns, arrays, list(kept))


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


def _letters(place: int) -> str:
    return (_letters(place // 26 - 1) if place >= 26 else "") + chr(65 + place % 26)


def _place(letters: bytes) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + letter - 64
    return place
