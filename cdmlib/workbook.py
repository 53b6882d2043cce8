"""The cleaning workbook a data manager opens in Excel: contents, one sheet per check with findings, listings. The only Excel code.

Row 3 of every sheet is its header; the last line of a header cell is the variable name, by which a returned workbook is read.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain, islice, zip_longest
from numbers import Real
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from cdmlib.errors import CdmError
from cdmlib.standard import label

MAX_ROWS, MAX_TEXT = 1_048_576, 32_767  # what Excel can hold in a sheet and in a cell
MAX_LINES, LINE = 14, 13.5  # a row grows to so many lines of text, each so many points high
HEAD, SAMPLE = 3, 200  # rows above the data; rows of data that decide the column widths
CONTENTS, LONG_TEXT = "Contents", "Long text"
KEYS = ("siteid", "subjid", "visit", "form", "formrow")
REVIEW = ("review_status", "review_comment", "owner")  # for the reviewer to fill in; earlier reviews may be given as columns
STATUSES = ("Open", "Query raised", "Confirmed correct", "Not an issue", "Resolved")
ACTIONS = {"query": "Query to site", "review": "Review", "internal": "Internal"}
SEVERITIES = ("critical", "major", "minor")
OUTCOMES = {"findings": "Findings", "error": "ERROR", "not run": "NOT RUN", "clean": "Clean"}
LABELS = {"formrow": "Row", "message": "Query text", "finding_id": "Finding id", "source_row": "Source row"}
LABELS |= {"review_status": "Status", "review_comment": "Comment", "owner": "Owner"}
WIDTHS = {"review_status": 18, "review_comment": 42, "owner": 14}
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
GRID = {"border": 1, "border_color": "#D5DAE1"}
STYLES = {
    "cell": {"text_wrap": True},
    "asked": {"text_wrap": True, "bg_color": "#FFF4D6", **GRID},
    "review": {"text_wrap": True, "bg_color": "#EDF6EE", "locked": False, **GRID},
    "id": {"font_size": 7, "font_color": "#8A94A3"},
    "header cell": {"bold": True, "text_wrap": True, "bg_color": "#DDE6F0", **GRID},
    "header asked": {"bold": True, "text_wrap": True, "bg_color": "#FFE2A0", **GRID},
    "header review": {"bold": True, "text_wrap": True, "bg_color": "#C9E4CB", **GRID},
    "header id": {"bold": True, "text_wrap": True, "bg_color": "#EEF0F3", "font_color": "#6B7686", **GRID},
    "title": {"bold": True, "font_size": 16, "font_color": "#1F3A5F"},
    "heading": {"bold": True, "font_size": 12, "font_color": "#1F3A5F"},
    "name": {"font_color": "#5B6675", "text_wrap": True},
    "small": {"font_size": 8, "font_color": "#5B6675"},
    "count": {"num_format": "#,##0", "align": "right"},
    "fact": {"num_format": "#,##0", "align": "left", "text_wrap": True},
    "link": {"font_color": "#0B57D0", "underline": 1},
    "critical": {"bold": True, "font_color": "#B42318"},
    "major": {"bold": True, "font_color": "#B54708"},
    "minor": {"bold": True, "font_color": "#475467"},
    "findings": {"bold": True, "font_color": "#1F3A5F", "bg_color": "#DDE6F0", **GRID},
    "error": {"bold": True, "font_color": "#FFFFFF", "bg_color": "#B42318", **GRID},
    "not run": {"bold": True, "font_color": "#7A4B00", "bg_color": "#FFD98A", **GRID},
    "clean": {"bold": True, "font_color": "#1E6B32", "bg_color": "#DDF1E1", **GRID},
}


@dataclass(frozen=True)
class CheckSheet:
    """One check of the run; with findings it gets a sheet, else only its line and reason in the contents."""

    id: str
    title: str
    domain: str
    severity: str  # critical, major, minor
    action: str  # query, review, internal
    outcome: str  # findings, clean, not run, error
    reason: str = ""
    n: int = 0
    note: str = ""
    columns: tuple[str, ...] = ()
    highlighted: frozenset[str] = frozenset()  # the columns whose values are in question
    rows: Iterable[tuple] = ()


@dataclass(frozen=True)
class ListingSheet:
    """One listing: rows to read, nothing to answer; without columns it could not be made, and its note says why."""

    id: str
    title: str
    note: str
    columns: tuple[str, ...]
    n: int
    rows: Iterable[tuple]


@dataclass(frozen=True)
class Workbook:
    """What one run has to say about a study; rows are read once, sheet by sheet, in the order of the workbook."""

    study: str
    title: str
    cutoff: str
    run: str
    snapshot: str
    facts: tuple[tuple[str, object], ...] = ()
    checks: tuple[CheckSheet, ...] = ()
    listings: tuple[ListingSheet, ...] = ()


@dataclass(frozen=True)
class _Column:
    name: str
    label: str
    style: str
    width: float


@dataclass(frozen=True)
class _Page:
    name: str
    statuses: str  # the range of its review statuses
    reviewed: int  # how many of them are filled in


@dataclass(frozen=True)
class _Pen:
    xl: xlsxwriter.Workbook
    styles: dict[str, tuple[Format, Format]]  # as is, and for text that Excel would take for a formula when edited
    names: set[str]
    long: list[tuple[str, str, str, str]]
    footer: str


def write(path: Path, book: Workbook) -> list[str]:
    """Write the workbook and return its sheet names; the file appears under its name only when it is whole.

    The same book gives the same bytes. Raises CdmError when a sheet has not as many rows as it says, or the file can't be replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", ignore_cleanup_errors=True) as folder:
        draft = Path(folder) / "draft.xlsx"
        xl = xlsxwriter.Workbook(draft, {"constant_memory": True, "tmpdir": folder, "use_zip64": True})
        base = {"font_name": "Calibri", "font_size": 10, "valign": "top"}
        styles = {
            name: (xl.add_format(base | style), xl.add_format(base | style | {"quote_prefix": True}))
            for name, style in STYLES.items()
        }
        foot = str(_plain(f"{book.study} · data cut-off {book.cutoff}"))[:90].replace("&", "&&")
        pen = _Pen(xl, styles, {CONTENTS.casefold(), LONG_TEXT.casefold(), "history"}, [], f"&L{foot}&C&A&RPage &P of &N")
        contents, order = xl.add_worksheet(CONTENTS), tuple(OUTCOMES)
        checks = sorted(book.checks, key=lambda c: (order.index(c.outcome), SEVERITIES.index(c.severity), -c.n, c.id))
        pages = [_pages(pen, check) if check.outcome == "findings" else [] for check in checks]
        listings = [_pages(pen, listing) for listing in book.listings]
        _contents(pen, contents, book, list(zip(checks, pages, strict=True)), listings)
        if pen.long:
            _long_text(pen)
        xl.set_properties({"title": _plain(book.title), "subject": _plain(book.study), "created": _created(book.cutoff)})
        for name, value in (("run", book.run), ("snapshot", book.snapshot), ("cutoff", book.cutoff)):
            xl.set_custom_property(name, str(_plain(value))[:255])
        xl.close()
        _publish(draft, path)
        return [sheet.name for sheet in xl.worksheets()]


def _publish(draft: Path, path: Path) -> None:
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    try:
        draft.replace(path)
    except PermissionError as error:
        raise CdmError(f"{path}: can't be replaced. Close it in Excel, check who may write there, and run again.") from error
    with contextlib.suppress(OSError):  # a folder can't be opened on Windows
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)


def _created(cutoff: str) -> datetime:
    try:
        return datetime.fromisoformat(str(cutoff)[:10])
    except ValueError:
        return datetime(2000, 1, 1)


def _plain(value: object) -> float | str | None:
    """A value as Excel can hold it: an exact number, else text with unprintable characters made visible, else nothing."""
    if isinstance(value, (Real, Decimal)) and not isinstance(value, bool):
        exact = isinstance(value, float) or sum(map(str.isdigit, str(value))) <= 15
        return float(value) if exact and math.isfinite(value) else str(value)
    if value is None or value == "":
        return None
    text = str(value).lower() if isinstance(value, bool) else str(value).replace("\r\n", "\n")
    return HIDDEN.sub(lambda found: ascii(found[0])[1:-1], text)


def _put(pen: _Pen, sheet: Worksheet, row: int, col: int, value: object, style: str = "cell") -> None:
    """Any value into a cell: a number as a number, all else as text and in full, if need be in the sheet of long texts."""
    plain, quoted = pen.styles[style]
    value = _plain(value)
    if value is None:
        sheet.write_blank(row, col, None, plain)
    elif isinstance(value, float):
        sheet.write_number(row, col, value, plain)
    elif len(value.encode("utf-16-le")) > 2 * MAX_TEXT:
        size, at = MAX_TEXT // 2, HEAD + len(pen.long) + 1
        pieces = [value[i : i + size] for i in range(0, len(value), size)]
        cell = xl_rowcol_to_cell(row, col)
        pen.long.extend((sheet.name, cell, f"{i} of {len(pieces)}", piece) for i, piece in enumerate(pieces, 1))
        sheet.write_url(row, col, f"internal:'{LONG_TEXT}'!A{at}", plain, "x")
        shown = f"{value[:100]} … [{len(value):,} characters: whole in sheet {LONG_TEXT}, from row {at}]"
        sheet.write_string(row, col, shown, quoted)
    elif value.startswith("<r>"):  # xlsxwriter would take <r>…</r> for mark-up of its own
        sheet.write_rich_string(row, col, plain, value[0], plain, value[1:], plain)
    else:
        sheet.write_string(row, col, value, quoted if value[0] in "=+-@'" else plain)


def _link(pen: _Pen, sheet: Worksheet, row: int, col: int, target: str, text: str) -> None:
    sheet.write_url(row, col, f"internal:{target}", pen.styles["link"][0], "x")
    _put(pen, sheet, row, col, text, "link")


def _name(pen: _Pen, wanted: str, part: int) -> str:
    """A sheet name that Excel accepts and no other sheet has: letters, digits and a few signs, at most 31 of them."""
    stem = re.sub(r"[^\w .()+-]|[^\u0000-\uffff]", "_", str(_plain(wanted) or "_")).strip()
    for i in chain([part], range(2, MAX_ROWS)):
        tail = f" ({i})" if i > 1 else ""
        name = stem[: 31 - len(tail)] + tail
        if name.casefold() not in pen.names:
            pen.names.add(name.casefold())
            return name
    raise CdmError(f"{wanted}: no sheet name is left for it.")


def _length(value: object) -> int:
    """How wide a value is, in characters of its longest line; a Chinese or Japanese one counts twice."""
    line = max(str("" if value is None else value)[:1000].split("\n"), key=len)
    return len(line) if line.isascii() else sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in line)


def _lines(text: str, width: float) -> int:
    return sum(1 + int(len(line) / width) for line in text.split("\n"))


def _layout(item: CheckSheet | ListingSheet, sample: list[tuple]) -> list[_Column]:
    """The columns of a sheet from left to right, as wide as their data; a check's reviewer columns come before its finding id."""
    check = isinstance(item, CheckSheet)
    last = ("finding_id",) if check and "finding_id" in item.columns else ()
    names = [name for name in item.columns if not check or name not in REVIEW + last] + [*REVIEW, *last] * check
    layout = []
    for name in names:
        text = LABELS.get(name) or label(item.domain if check else "", name) or name
        if name == "message" and check and item.action != "query":
            text = "Finding"
        style = "review" if check and name in REVIEW else "id" if name in last else "cell"
        if check and name in item.highlighted:
            style = "asked"
        values = [row[item.columns.index(name)] for row in sample] if name in item.columns else []
        need = max(8, len(name) + 1, *(len(word) + 3 for word in text.split()), *(_length(value) + 1 for value in values))
        width = min(need, 60 if name == "message" else 24 if name in KEYS else 40)
        layout.append(_Column(name, text, style, WIDTHS[name] if style == "review" else max(width, 12 * (not layout))))
    return layout


def _pages(pen: _Pen, item: CheckSheet | ListingSheet) -> list[_Page]:
    """The sheets of one check or listing: one, or as many as Excel's row limit asks for."""
    if not item.columns:
        return []
    rows = iter(item.rows)
    sample = list(islice(rows, SAMPLE))
    layout, rows, room = _layout(item, sample), chain(sample, rows), MAX_ROWS - HEAD
    count = max(1, math.ceil(item.n / room))
    pages, written = [], 0
    for part in range(1, count + 1):
        sheet = pen.xl.add_worksheet(_name(pen, item.id, part))
        _head(pen, sheet, item, layout, f" ({part} of {count})" if count > 1 else "")
        n, reviewed = _rows(pen, sheet, item, layout, islice(rows, room))
        written, last, right = written + n, HEAD + max(n, 1) - 1, len(layout) - 1
        sheet.autofilter(HEAD - 1, 0, last, right)
        sheet.ignore_errors({"number_stored_as_text": xl_range_abs(HEAD, 0, last, right)})
        _print(pen, sheet, HEAD - 1)
        statuses = ""
        if isinstance(item, CheckSheet):
            sheet.set_tab_color(STYLES[item.severity]["font_color"])
            at = [column.name for column in layout].index(REVIEW[0])
            sheet.data_validation(HEAD, at, last, at, {"validate": "list", "source": list(STATUSES)})
            statuses = f"'{sheet.name}'!{xl_range_abs(HEAD, at, last, at)}"
        pages.append(_Page(sheet.name, statuses, reviewed))
        sheet._opt_close()  # xlsxwriter opens it again when it needs it; else every sheet would hold an open file
    if written != item.n or next(rows, None) is not None:
        raise CdmError(f"{item.id}: {item.n:,} rows were announced, but {written:,} or more came. No workbook was written.")
    return pages


def _head(pen: _Pen, sheet: Worksheet, item: CheckSheet | ListingSheet, layout: list[_Column], part: str) -> None:
    """The three rows above the data, frozen with the key columns: the way back, what the sheet is, what each column is."""
    cell, small = pen.styles["cell"][0], pen.styles["small"][0]
    edges = [sum(column.width for column in layout[: at + 1]) for at in range(len(layout))]
    keys = 0
    for at, column in enumerate(layout):
        sheet.set_column(at, at, column.width)
        keys += keys == at and column.name in KEYS and edges[at] <= 75
    sheet.freeze_panes(HEAD, keys)
    sheet.set_row(0, 21)
    _link(pen, sheet, 0, 0, f"'{CONTENTS}'!A1", f"← {CONTENTS}")
    _put(pen, sheet, 0, 1, f"{item.id}  {item.title}{part}", "heading")
    note = str(_plain(item.note) or "")
    start, what = f"{item.n:,}", f" row{'s' * (item.n != 1)}"
    if isinstance(item, CheckSheet):
        start, what = item.severity.upper(), f" · {ACTIONS[item.action]} · {item.n:,} finding{'s' * (item.n != 1)}"
    span = next((at for at, edge in enumerate(edges) if edge > 110), len(layout) - 1)
    sheet.set_row(1, 4 + LINE * min(1 + _lines(note, edges[span]) * bool(note), 6))
    if span:
        sheet.merge_range(1, 0, 1, span, "", cell)
    bold = pen.styles[getattr(item, "severity", "minor")][0]
    sheet.write_rich_string(1, 0, bold, start, cell, f"{what}\n{note}".strip("\n"), cell)
    sheet.set_row(2, 4 + LINE * min(1 + max(_lines(column.label, column.width - 3) for column in layout), 5))
    for at, column in enumerate(layout):
        header = pen.styles[f"header {column.style}"][0]
        sheet.write_rich_string(2, at, header, str(_plain(column.label)), small, f"\n{_plain(column.name)}", header)


def _rows(pen: _Pen, sheet: Worksheet, item: CheckSheet | ListingSheet, layout: list[_Column], rows: Iterable) -> tuple[int, int]:
    """Write the data rows of a sheet; how many there are, and how many of them have a review status already."""
    place = {column.name: at for at, column in enumerate(layout)}
    room = [min(int(column.width) * MAX_LINES, MAX_TEXT // 2) for column in layout]
    formats = [pen.styles[column.style][0] for column in layout]
    given = [(place[name], formats[place[name]], room[place[name]]) for name in item.columns]
    empty = [(at, formats[at]) for name, at in place.items() if name not in item.columns]
    status = item.columns.index(REVIEW[0]) if REVIEW[0] in item.columns else None
    text, number, blank = sheet.write_string, sheet.write_number, sheet.write_blank
    at, reviewed = HEAD - 1, 0
    for at, row in enumerate(rows, HEAD):
        for (col, format, most), value in zip(given, row, strict=True):
            kind = type(value)
            if value is None or value == "":
                blank(at, col, None, format)
            elif kind is str and len(value) <= most and value.isprintable() and value[0] not in "=+-@'<":
                text(at, col, value, format)
            elif (kind is int or kind is float) and -1e15 < value < 1e15:
                number(at, col, value, format)
            else:
                if _lines(str(value), layout[col].width) > MAX_LINES:
                    sheet.set_row(at, MAX_LINES * LINE)
                _put(pen, sheet, at, col, value, layout[col].style)
        for col, format in empty:
            blank(at, col, None, format)
        reviewed += status is not None and bool(row[status])
    return at - HEAD + 1, reviewed


def _print(pen: _Pen, sheet: Worksheet, header: int) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.set_margins(0.4, 0.4, 0.5, 0.6)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(header)
    sheet.hide_gridlines(0)  # not hidden, neither on screen nor on paper
    sheet.set_footer(pen.footer)


def _table(pen: _Pen, sheet: Worksheet, row: int, heads: tuple[str, ...]) -> None:
    for col, head in enumerate(heads):
        _put(pen, sheet, row, col, head, "header cell")


def _contents(pen: _Pen, sheet: Worksheet, book: Workbook, checks: list, listings: list[list[_Page]]) -> None:
    """The first sheet: what was run on what, how it came out, and the way to every other sheet."""
    for col, width in enumerate((20, 58, 10, 13, 15, 11, 11, 12, 70)):
        sheet.set_column(col, col, width)
    sheet.set_row(0, 26)
    _put(pen, sheet, 0, 0, book.title, "title")
    facts = (("Study", book.study), ("Data cut-off", book.cutoff), ("Run", book.run), ("Snapshot", book.snapshot), *book.facts)
    found = {outcome: [check for check, _ in checks if check.outcome == outcome] for outcome in OUTCOMES}
    first = 2 + max(len(facts), len(OUTCOMES) + 1) + 1  # the row of the header of the table of checks
    jump = first + 2
    for row, (fact, outcome) in enumerate(zip_longest(facts, ("", *OUTCOMES)), 2):
        if fact:
            _put(pen, sheet, row, 0, fact[0], "name")
            _put(pen, sheet, row, 1, fact[1], "fact")
        if outcome == "":
            _put(pen, sheet, row, 3, "Outcome", "header cell")
            _put(pen, sheet, row, 4, "Checks", "header cell")
        elif outcome:
            _put(pen, sheet, row, 3, OUTCOMES[outcome], outcome if found[outcome] else "name")
            _put(pen, sheet, row, 4, len(found[outcome]), "count")
            if found[outcome]:
                _link(pen, sheet, row, 5, f"'{CONTENTS}'!A{jump}", f"from row {jump}")
            jump += len(found[outcome])
    heads = ("Check", "Title", "Domain", "Severity", "Action", "Findings", "Reviewed", "Outcome", "Reason")
    _table(pen, sheet, first, heads)
    row = first
    for row, (check, pages) in enumerate(checks, first + 1):
        reason = check.reason or (f"in {len(pages)} sheets, the last is {pages[-1].name}" if len(pages) > 1 else "")
        line = (check.id, check.title, check.domain, check.severity, ACTIONS[check.action])
        for col, (value, style) in enumerate(zip(line, ("cell", "cell", "cell", check.severity, "cell"), strict=True)):
            _put(pen, sheet, row, col, value, style)
        _put(pen, sheet, row, 7, OUTCOMES[check.outcome], check.outcome)
        _put(pen, sheet, row, 8, reason)
        if pages:
            _link(pen, sheet, row, 0, f"'{pages[0].name}'!A1", check.id)
            _put(pen, sheet, row, 5, check.n, "count")
            counted = f"=COUNTA({','.join(page.statuses for page in pages)})"
            sheet.write_formula(row, 6, counted, pen.styles["count"][0], sum(page.reviewed for page in pages))
    sheet.autofilter(first, 0, max(row, first + 1), len(heads) - 1)
    if book.listings:
        _table(pen, sheet, row := row + 2, ("Listing", "Title", "", "", "", "Rows", "", "Outcome", "Reason"))
    for row, (listing, pages) in enumerate(zip(book.listings, listings, strict=True), row + 1):
        _put(pen, sheet, row, 1, listing.title)
        if pages:
            _link(pen, sheet, row, 0, f"'{pages[0].name}'!A1", listing.id)
            _put(pen, sheet, row, 5, listing.n, "count")
        else:
            _put(pen, sheet, row, 0, listing.id)
            _put(pen, sheet, row, 7, OUTCOMES["not run"], "not run")
            _put(pen, sheet, row, 8, listing.note)
    _print(pen, sheet, first)


def _long_text(pen: _Pen) -> None:
    """The last sheet: texts longer than a cell can hold, whole, in pieces one below the other."""
    sheet = pen.xl.add_worksheet(LONG_TEXT)
    for col, width in enumerate((20, 10, 10, 150)):
        sheet.set_column(col, col, width)
    _link(pen, sheet, 0, 0, f"'{CONTENTS}'!A1", f"← {CONTENTS}")
    _put(pen, sheet, 0, 1, "Texts longer than a cell can hold: put the pieces together in order", "heading")
    _table(pen, sheet, HEAD - 1, ("Sheet", "Cell", "Piece", "Text"))
    sheet.freeze_panes(HEAD, 0)
    for row, (name, cell, piece, text) in enumerate(list(pen.long), HEAD):
        if row >= MAX_ROWS:
            raise CdmError(f"The long texts need more than the {MAX_ROWS:,} rows of a sheet. No workbook was written.")
        sheet.set_row(row, MAX_LINES * LINE)
        _link(pen, sheet, row, 0, f"'{name}'!{cell}", name)
        for col, value in enumerate((cell, piece, text), 1):
            _put(pen, sheet, row, col, value)
    _print(pen, sheet, HEAD - 1)
