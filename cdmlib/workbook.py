"""The cleaning workbook a data manager opens in Excel: contents, a sheet per check with findings, listings.

The only Excel code. Row 3 of a sheet is its header; the last line of a header cell is the variable name, by which a
workbook that comes back is read.
"""

from __future__ import annotations

import math
import re
import tempfile
import textwrap
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, count, islice, zip_longest
from numbers import Real
from pathlib import Path

import python_calamine
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.utility import xl_range_abs, xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from cdmlib.errors import CdmError
from cdmlib.snapshot import sync
from cdmlib.standard import label

MAX_ROWS, MAX_TEXT = 1_048_576, 32_767  # what Excel can hold in a sheet and in a cell
MAX_LINES, LINE = 14, 12.8  # a row grows to so many lines of text, each so many points high
HEAD, SAMPLE = 3, 200  # rows above the data; rows of data that decide the column widths
CONTENTS, LONG_TEXT = "Contents", "Long text"
KEYS = ("siteid", "subjid", "visit", "form", "formrow")
REVIEW = {"review_status": 18, "review_comment": 42, "owner": 14, "review_expires": 13}  # the columns a reviewer fills in, and their widths
STATUSES = ("Open", "Query raised", "Confirmed correct", "Accepted discrepancy", "Not an issue", "Resolved", "Waived")
ACTIONS = {"query": "Query to site", "review": "Review", "internal": "Internal"}
SEVERITIES = ("critical", "major", "minor")
OUTCOMES = {"findings": "Findings", "error": "ERROR", "not run": "NOT RUN", "clean": "Clean"}
LABELS = {"formrow": "Row", "message": "Query text", "finding_id": "Finding id", "check_id": "Check"}
LABELS |= {"query_id": "EDC query", "query_status": "EDC query status", "query_text": "EDC query text"}
LABELS |= {"review_status": "Status", "review_comment": "Comment", "owner": "Owner", "review_expires": "Waived until"}
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
FORMULA = "=+-@'"  # text that begins so would become a formula when edited
BASE = {"font_name": "Calibri", "font_size": 10, "valign": "top"}
CELL = {"text_wrap": True, "border": 1, "border_color": "#D5DAE1"}
STYLES = {
    "cell": CELL,
    "count": {**CELL, "num_format": "#,##0"},
    "asked": {**CELL, "bg_color": "#FFF4D6"},
    "review": {**CELL, "bg_color": "#EDF6EE", "locked": False},
    "answer": {**CELL, "bg_color": "#EDF6EE", "locked": False, "num_format": "@"},  # as text: a code keeps its leading zeros
    "new": {**CELL, "bold": True, "font_color": "#1E6B32", "bg_color": "#CFEBD4"},
    "changed": {**CELL, "bg_color": "#FFE98A"},
    "differs": {**CELL, "bold": True, "font_color": "#9A3412", "bg_color": "#FFD9B8"},
    "gone": {**CELL, "font_color": "#8A94A3", "bg_color": "#EEF0F3"},
    "id": {**CELL, "text_wrap": False, "font_size": 7, "font_color": "#8A94A3"},
    "header cell": {**CELL, "bold": True, "bg_color": "#DDE6F0"},
    "header asked": {**CELL, "bold": True, "bg_color": "#FFE2A0"},
    "header review": {**CELL, "bold": True, "bg_color": "#C9E4CB"},
    "header answer": {**CELL, "bold": True, "bg_color": "#C9E4CB"},
    "header id": {**CELL, "bold": True, "bg_color": "#EEF0F3", "font_color": "#6B7686"},
    "critical": {**CELL, "bold": True, "font_color": "#B42318"},
    "major": {**CELL, "bold": True, "font_color": "#B54708"},
    "minor": {**CELL, "bold": True, "font_color": "#475467"},
    "findings": {**CELL, "bold": True, "font_color": "#1F3A5F", "bg_color": "#DDE6F0"},
    "error": {**CELL, "bold": True, "font_color": "#FFFFFF", "bg_color": "#B42318"},
    "not run": {**CELL, "bold": True, "font_color": "#7A4B00", "bg_color": "#FFD98A"},
    "clean": {**CELL, "bold": True, "font_color": "#1E6B32", "bg_color": "#DDF1E1"},
    "link": {**CELL, "font_color": "#0B57D0", "underline": 1},
    "back": {"font_color": "#0B57D0", "underline": 1},
    "title": {"bold": True, "font_size": 16, "font_color": "#1F3A5F"},
    "heading": {"bold": True, "font_size": 12, "font_color": "#1F3A5F"},
    "note": {"text_wrap": True},
    "fact": {"num_format": "#,##0", "align": "left", "indent": 0, "text_wrap": True},
    "name": {"font_color": "#5B6675", "text_wrap": True},
    "small": {"font_size": 8, "font_color": "#5B6675"},
}


class Marked(str):
    """Text with a mark of its own: `new`, `changed` (old → new) or `gone`."""

    mark: str

    def __new__(cls, text: str, mark: str) -> Marked:
        marked = super().__new__(cls, text)
        marked.mark = mark
        return marked


@dataclass(frozen=True)
class CheckSheet:
    """One check of the run; with findings it gets a sheet, else only its line and its reason in the contents."""

    id: str
    title: str
    domain: str
    severity: str  # critical, major, minor
    action: str  # query, review, internal
    outcome: str  # findings, clean, not run, error
    reason: str = ""
    n: int = 0
    gone: int = 0  # rows of findings that went since the week before, after those of the n there are
    new: int = 0
    note: str = ""
    columns: tuple[str, ...] = ()  # earlier reviews, when given under the names of REVIEW, are shown to be gone on with
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
    labels: dict[str, str] = field(default_factory=dict)  # of columns that are only this listing's


@dataclass(frozen=True)
class AnswerSheet(ListingSheet):
    """Rows with columns to fill in: their widths, and the answers to choose from where there are such. `row_id` tells the rows apart."""

    answers: tuple[tuple[str, int, tuple[str, ...]], ...] = ()
    widths: tuple[tuple[str, int], ...] = ()  # columns that shall be as wide as this, whatever they hold
    frozen: int = 0  # columns on the left that stay in view
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Workbook:
    """What one run has to say about a study; rows are read once, sheet by sheet, in the order of the workbook."""

    study: str
    title: str
    cutoff: str
    run: str
    snapshot: str
    facts: tuple[tuple[str, object], ...] = ()
    since: ListingSheet | None = None  # what is new, changed or gone since the week before: the sheet after the contents
    checks: tuple[CheckSheet, ...] = ()
    listings: tuple[ListingSheet, ...] = ()
    queries: tuple[ListingSheet, ...] = ()  # what to raise and to close in the EDC: the sheets after `since`


@dataclass(frozen=True)
class _Column:
    name: str
    label: str
    style: str
    width: float
    at: int | None  # its place in the rows given; none for what the reviewer is to fill in


@dataclass(frozen=True)
class _Page:
    name: str
    statuses: str  # the range of its review statuses
    reviewed: int  # how many of them are filled in already


@dataclass(frozen=True)
class _Pen:
    xl: xlsxwriter.Workbook
    styles: dict[str, tuple[Format, Format, Format]]  # as is, for text that would become a formula, for numbers
    names: set[str]
    long: list[tuple[str, str, str, str]]
    footer: str


def write(path: Path, book: Workbook) -> list[str]:
    """Write the workbook and return its sheet names; the file appears under its name only when it is whole.

    The same book gives the same bytes. Raises CdmError when a sheet has not as many rows as it says, or the file
    can't be replaced.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.", ignore_cleanup_errors=True) as folder:
        draft = Path(folder) / "draft.xlsx"
        xl = xlsxwriter.Workbook(draft, {"constant_memory": True, "tmpdir": folder, "use_zip64": True})
        formats = {name: BASE | style for name, style in STYLES.items()}
        quote, right = {"quote_prefix": True}, {"align": "right", "indent": 1}
        styles = {name: tuple(map(xl.add_format, (f, f | quote, right | f))) for name, f in formats.items()}
        what = str(_plain(f"{book.study} · data cut-off {book.cutoff}"))[:90].replace("&", "&&")
        names = {CONTENTS.casefold(), LONG_TEXT.casefold(), "history"}  # Excel keeps History for itself
        pen = _Pen(xl, styles, names, [], f"&L{what}&C&A&RPage &P of &N")
        contents, order = xl.add_worksheet(CONTENTS), tuple(OUTCOMES)
        since = _pages(pen, book.since) if book.since else []
        asked = [(item, _pages(pen, item)) for item in book.queries]
        checks = sorted(book.checks, key=lambda c: (order.index(c.outcome), SEVERITIES.index(c.severity), -c.n, c.id))
        pages = [_pages(pen, item) if item.outcome == "findings" else [] for item in checks]
        listings = [(item, _pages(pen, item)) for item in book.listings]
        ahead = [(book.since, since)] * bool(since) + asked
        if any(isinstance(item, AnswerSheet) for item in book.listings):
            _front(pen, contents, book, listings)
        else:
            _contents(pen, contents, book, ahead, list(zip(checks, pages, strict=True)), listings)
        if pen.long:
            _long_text(pen)
        xl.set_properties({"title": _plain(book.title), "created": _created(book.cutoff)})
        for name in ("study", "run", "snapshot", "cutoff"):
            xl.set_custom_property(name, str(_plain(getattr(book, name)))[:255])
        xl.close()
        sync(draft)
        try:
            draft.replace(path)
        except PermissionError as error:
            raise CdmError(f"{path}: can't be replaced. Close it in Excel and run again.") from error
        sync(path.parent)
        return [sheet.name for sheet in xl.worksheets()]


def read(path: Path, kind: str, row_id: str) -> tuple[dict[str, str], list[tuple[str, str, dict[str, str]]]]:
    """What stands in a workbook that came back: the facts on its first sheet, and the rows (sheet, place, column → text) of each sheet with the column `row_id`.

    kind: what the workbook is, such as `cleaning`. Raises CdmError for a file that is no workbook, or has no first sheet of ours.
    """
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
    except Exception as error:
        raise CdmError(f"{path} can't be read as an Excel workbook: {error}.") from None
    if CONTENTS not in book.sheet_names:
        raise CdmError(f"{path.name} has no sheet {CONTENTS}: it is not a {kind} workbook, or its first sheet was deleted.")
    front = book.get_sheet_by_name(CONTENTS).to_python(skip_empty_area=False)
    facts = {_text(row[0]): _text(row[1]) for row in front if len(row) > 1 and row[0]}
    rows = []
    for sheet in book.sheet_names:
        table = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        head = next((at for at, row in enumerate(table[:10]) if any(str(cell).endswith(f"\n{row_id}") for cell in row)), None)
        if head is not None:
            names = [str(cell).rsplit("\n", 1)[-1].strip() for cell in table[head]]
            for at, row in enumerate(table[head + 1 :], start=head + 2):
                rows.append((sheet, f"sheet {sheet} row {at}", dict(zip(names, map(_text, row), strict=True))))
    return facts, rows


def _text(cell: object) -> str:
    """A cell as a person sees it; a date that Excel made of typed text as ISO."""
    if isinstance(cell, date):
        return cell.isoformat()[:10]
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _created(cutoff: str) -> datetime:
    try:
        return datetime.fromisoformat(cutoff[:10])
    except ValueError:
        return datetime(2000, 1, 1)


def _plain(value: object) -> float | str | None:
    """A value as Excel can hold it: an exact number, else text with unprintable characters made visible, or nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str) and isinstance(value, (Real, Decimal)):
        exact = isinstance(value, float) or sum(map(str.isdigit, str(value))) <= 15
        return float(value) if exact and math.isfinite(value) else str(value)
    if value is None or str(value) == "":
        return None
    return HIDDEN.sub(lambda found: ascii(found[0])[1:-1], str(value).replace("\r\n", "\n"))


def _put(pen: _Pen, sheet: Worksheet, row: int, col: int, value: object, style: str = "cell") -> str:
    """Any value into a cell: a number as a number, else text, whole, if need be in the sheet of long texts."""
    plain, quoted, right = pen.styles[style]
    value = _plain(value)
    if value is None:
        sheet.write_blank(row, col, None, plain)
    elif isinstance(value, float):
        sheet.write_number(row, col, value, right)
    elif len(value.encode("utf-16-le")) > 2 * MAX_TEXT:
        size, at = MAX_TEXT // 2, HEAD + len(pen.long) + 1
        pieces = [value[i : i + size] for i in range(0, len(value), size)]
        cell = xl_rowcol_to_cell(row, col)
        pen.long.extend((sheet.name, cell, f"{i} of {len(pieces)}", piece) for i, piece in enumerate(pieces, 1))
        value = f"{len(value):,} characters, whole in sheet {LONG_TEXT} from row {at}: {value[:100]} …"
        sheet.write_url(row, col, f"internal:'{LONG_TEXT}'!A{at}", plain, "x")
        sheet.write_string(row, col, value, plain)
    elif value.startswith("<r>"):  # xlsxwriter would take <r>…</r> for mark-up of its own
        sheet.write_rich_string(row, col, plain, value[0], plain, value[1:], plain)
    else:
        sheet.write_string(row, col, value, quoted if value[0] in FORMULA else plain)
    return str(value or "")


def _link(pen: _Pen, sheet: Worksheet, row: int, col: int, target: str, text: str, style: str = "link") -> None:
    sheet.write_url(row, col, f"internal:{target}", pen.styles[style][0], "x")
    _put(pen, sheet, row, col, text, style)


def _name(pen: _Pen, wanted: str, part: int) -> str:
    """A sheet name that Excel accepts and no other sheet has: letters, digits and a few signs, at most 31 of them."""
    stem = re.sub(r"[^\w .()+-]|[^\u0000-\uffff]", "_", str(_plain(wanted) or "")).strip() or "_"
    for number in chain([part], count(2)):
        tail = f" ({number})" if number > 1 else ""
        name = stem[: 31 - len(tail)] + tail
        if name.casefold() not in pen.names:
            pen.names.add(name.casefold())
            return name


def _length(text: str) -> int:
    """How wide the longest line of a text is, in digits; small letters are narrower, capitals and Chinese wider."""
    text = max(text.split("\n"), key=len)
    wide = 0 if text.isascii() else sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return math.ceil((len(text) + wide) * (1.15 if text.isupper() else 0.85))


def _lines(text: str, width: float) -> int:
    return sum(max(1, math.ceil(_length(line) / width)) for line in text.split("\n"))


def _layout(item: CheckSheet | ListingSheet, sample: list[tuple]) -> list[_Column]:
    """The columns from left to right, as wide as their data; a check's reviewer columns come before its finding id."""
    own = (*REVIEW, "finding_id") if isinstance(item, CheckSheet) else ()
    places = [(name, at) for at, name in enumerate(item.columns) if name not in own]
    places += [(name, item.columns.index(name) if name in item.columns else None) for name in own]
    layout = []
    for name, at in places:
        text = dict(getattr(item, "labels", ())).get(name) or LABELS.get(name) or label(item.domain if own else "", name)
        if text == name:  # no label: the name in words
            text = name.replace("_", " ").capitalize()
        if name == "message" and own and item.action != "query":
            text = "Finding"
        seen = [_length(str(row[at])[:999]) + 2 for row in sample if row[at] is not None] if at is not None else []
        width = max(8, len(name) + 2, len(text) // 2 + 2, *(len(word) + 3 for word in text.split()), *seen)
        width = min(width, 60 if name == "message" else 24 if name in KEYS else 40)
        style = "cell"
        if own and name in REVIEW:
            style, width = "review", REVIEW[name]
        elif own and name == "finding_id":
            style, width = "id", max(12, round(width * 0.75))
        elif own and name in item.highlighted:
            style = "asked"
        elif isinstance(item, AnswerSheet):
            answers = {answer: wide for answer, wide, _ in item.answers}
            style = "answer" if name in answers else "id" if name == "row_id" else "cell"
            width = answers.get(name) or dict(item.widths).get(name, width)
        layout.append(_Column(name, text, style, width if layout else max(width, 12), at))
    return layout


def _pages(pen: _Pen, item: CheckSheet | ListingSheet) -> list[_Page]:
    """The sheets of one check or listing: one, or as many as Excel's row limit asks for."""
    if not item.columns:
        return []
    rows = iter(item.rows)
    sample = list(islice(rows, SAMPLE))
    layout, rows, room = _layout(item, sample), chain(sample, rows), MAX_ROWS - HEAD
    total = item.n + getattr(item, "gone", 0)
    parts = max(1, math.ceil(total / room))
    pages, written = [], 0
    for part in range(1, parts + 1):
        sheet = pen.xl.add_worksheet(_name(pen, item.id, part))
        _head(pen, sheet, item, layout, f" ({part} of {parts})" if parts > 1 else "")
        n, reviewed = _rows(pen, sheet, item, layout, islice(rows, room))
        written, last, right = written + n, HEAD + max(n, 1) - 1, len(layout) - 1
        sheet.autofilter(HEAD - 1, 0, last, right)
        sheet.ignore_errors({"number_stored_as_text": xl_range_abs(HEAD, 0, last, right)})
        _paper(pen, sheet, HEAD - 1)
        statuses = ""
        if isinstance(item, CheckSheet):
            sheet.set_tab_color(STYLES[item.severity]["font_color"])
            at = [column.name for column in layout].index("review_status")
            sheet.data_validation(HEAD, at, last, at, {"validate": "list", "source": list(STATUSES)})
            statuses = f"'{sheet.name}'!{xl_range_abs(HEAD, at, last, at)}"
        for name, _, choices in getattr(item, "answers", ()):
            if choices:
                at = [column.name for column in layout].index(name)
                sheet.data_validation(HEAD, at, last, at, {"validate": "list", "source": list(choices)})
        pages.append(_Page(sheet.name, statuses, reviewed))
        sheet._opt_close()  # xlsxwriter opens its file again at the end; else each sheet would keep one open
    if written != total or next(rows, None) is not None:
        raise CdmError(f"{item.id}: {total:,} rows were announced, {written:,} or more came. No workbook was written.")
    return pages


def _head(pen: _Pen, sheet: Worksheet, item: CheckSheet | ListingSheet, layout: list[_Column], part: str) -> None:
    """The rows above the data, frozen with the key columns: the way back, what the sheet is, what each column is."""
    edges, keys = [sum(column.width for column in layout[: at + 1]) for at in range(len(layout))], 0
    for at, column in enumerate(layout):
        sheet.set_column(at, at, column.width)
        keys += keys == at and column.name in ("flag", "record_key", *KEYS) and edges[at] <= 75
    sheet.freeze_panes(HEAD, getattr(item, "frozen", 0) or keys)
    sheet.set_row(0, 21)
    _link(pen, sheet, 0, 0, f"'{CONTENTS}'!A1", f"← {CONTENTS}", "back")
    _put(pen, sheet, 0, 1, f"{item.id}  {item.title}{part}".rstrip(), "heading")
    note, bold = str(_plain(item.note) or ""), pen.styles[getattr(item, "severity", "minor")][0]
    what = f"{item.n:,}", f" row{'s' * (item.n != 1)}"
    if isinstance(item, CheckSheet):
        what = item.severity.upper(), f" · {ACTIONS[item.action]} · {item.n:,} finding{'s' * (item.n != 1)}"
    span = next((at for at, edge in enumerate(edges) if edge > 110), len(layout) - 1)
    sheet.set_row(1, 4 + LINE * min(1 + _lines(note, edges[span]) * bool(note), 6))
    plain, small = pen.styles["note"][0], pen.styles["small"][0]
    if span:
        sheet.merge_range(1, 0, 1, span, "", plain)
    if sheet.write_rich_string(1, 0, bold, what[0], plain, f"{what[1]}\n{note}".rstrip("\n"), plain):
        _put(pen, sheet, 1, 0, "".join(what) + f"\n{note}", "note")  # a note longer than a cell can hold
    lines = max(len(textwrap.wrap(column.label, int(column.width * 1.2))) for column in layout)
    sheet.set_row(HEAD - 1, 6 + LINE * min(lines + 1, 5))
    for at, column in enumerate(layout):
        header = pen.styles[f"header {column.style}"][0]
        text, name = str(_plain(column.label)), f"\n{_plain(column.name)}"
        sheet.write_rich_string(HEAD - 1, at, header, text, small, name, header)


def _rows(pen: _Pen, sheet: Worksheet, item: CheckSheet | ListingSheet, layout: list, rows: Iterable) -> tuple:
    """Write the data rows of a sheet; how many there are, and how many of them have a review status already."""
    cells = [(column.at, col, *pen.styles[column.style][::2]) for col, column in enumerate(layout)]
    wide = [MAX_TEXT if column.style == "id" else column.width for column in layout]  # an id is never wrapped
    cells = sorted(cells, key=lambda cell: -1 if cell[0] is None else cell[0])
    fits = [width if width < 24 else width / 1.15 for width in wide]  # characters that surely stand on one line
    given = [(col, form, right, fits[col]) for at, col, form, right in cells if at is not None]
    empty = [(col, form) for at, col, form, _ in cells if at is None]
    status = item.columns.index("review_status") if "review_status" in item.columns else None
    text, number, blank = sheet.write_string, sheet.write_number, sheet.write_blank
    at, reviewed, unsafe, short = HEAD - 1, 0, FORMULA + "<", MAX_TEXT // 2
    for at, row in enumerate(rows, HEAD):
        lines = 1
        for (col, form, right, most), value in zip(given, row, strict=True):
            kind = type(value)
            if kind is str and len(value) < short and value.isprintable() and value[:1] not in unsafe:
                text(at, col, value, form)
                if len(value) > most:
                    lines = max(lines, _lines(value, wide[col]))
            elif value is None:
                blank(at, col, None, form)
            elif (kind is int or kind is float) and -1e15 < value < 1e15:
                number(at, col, value, right)
            else:
                style = value.mark if kind is Marked else layout[col].style
                lines = max(lines, _lines(_put(pen, sheet, at, col, value, style), wide[col]))
        for col, form in empty:
            blank(at, col, None, form)
        if lines > 1:
            sheet.set_row(at, 3 + LINE * min(lines, MAX_LINES))
        reviewed += status is not None and bool(row[status])
    return at - HEAD + 1, reviewed


def _paper(pen: _Pen, sheet: Worksheet, header: int) -> None:
    sheet.set_landscape()
    sheet.set_paper(9)  # A4
    sheet.set_margins(0.4, 0.4, 0.5, 0.6)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(header)
    sheet.hide_gridlines(2)
    sheet.set_footer(pen.footer)


def _line(pen: _Pen, sheet: Worksheet, row: int, values: Iterable, styles: Iterable[str]) -> None:
    for col, (value, style) in enumerate(zip(values, styles, strict=True)):
        _put(pen, sheet, row, col, value, style)


def _contents(pen: _Pen, sheet: Worksheet, book: Workbook, ahead: list, checks: list, listings: list) -> None:
    """The first sheet: what was run on what, how it came out, and the way to every other sheet."""
    widths, heads = (20, 66, 10, 13, 15, 11, 9, 11, 12, 70), ["header cell"] * 10
    for col, width in enumerate(widths):
        sheet.set_column(col, col, width)
    sheet.set_row(0, 26)
    _put(pen, sheet, 0, 0, book.title, "title")
    run = (("Study", book.study), ("Data cut-off", book.cutoff), ("Run", book.run), ("Snapshot", book.snapshot))
    top = 3 + max(len(run) + len(book.facts), len(OUTCOMES) + 1)  # the row of the header of the table of checks
    first = top + 2
    outcomes = (None, *OUTCOMES) if book.checks else ()
    for row, (fact, outcome, sheets) in enumerate(zip_longest((*run, *book.facts), outcomes, ahead), 2):
        if fact:
            _line(pen, sheet, row, fact, ("name", "fact"))
        if sheets:
            item, pages = sheets
            said = f"{item.id}: {f'{item.n:,} findings' if item is book.since else item.title or item.note}"
            if pages:
                _link(pen, sheet, row, 7, f"'{pages[0].name}'!A1", said, "back")
            else:
                _put(pen, sheet, row, 7, said, "small")
        if row == 2 and book.checks:
            _put(pen, sheet, row, 3, "Outcome", "header cell")
            _put(pen, sheet, row, 4, "Checks", "header cell")
        elif outcome:
            n = sum(check.outcome == outcome for check, _ in checks)
            _put(pen, sheet, row, 3, OUTCOMES[outcome], outcome if n else "cell")
            _put(pen, sheet, row, 4, n, "count")
            if n:
                _link(pen, sheet, row, 5, f"'{CONTENTS}'!A{first}", f"from row {first}", "back")
            first += n
    titles = ("Check", "Title", "Domain", "Severity", "Action", "Findings", "New", "Reviewed", "Outcome", "Reason")
    if book.checks:
        _line(pen, sheet, top, titles, heads)
    for row, (item, pages) in enumerate(checks, top + 1):
        reason = item.reason or (f"on {len(pages)} sheets, to {pages[-1].name}" if len(pages) > 1 else "")
        n, outcome = item.n if pages else None, OUTCOMES[item.outcome]
        values = (item.id, item.title, item.domain, item.severity, ACTIONS[item.action], n, item.new or None, None, outcome, reason)
        styles = ("cell", "cell", "cell", item.severity, "cell", "count", "new" if item.new else "count", "count", item.outcome, "cell")
        sheet.set_row(row, 2 + LINE * min(max(_lines(reason, widths[9]), _lines(item.title, widths[1])), MAX_LINES))
        _line(pen, sheet, row, values, styles)
        if pages:
            _link(pen, sheet, row, 0, f"'{pages[0].name}'!A1", item.id)
            done = f"=COUNTA({','.join(page.statuses for page in pages)})"
            sheet.write_formula(row, 7, done, pen.styles["count"][2], sum(page.reviewed for page in pages))
    last = top + max(len(checks), 1) if book.checks else top - 2
    if book.checks:
        sheet.autofilter(top, 0, last, len(widths) - 1)
    if listings:
        _line(pen, sheet, last + 2, ("Listing", "Title", "", "", "", "Rows", "", "", "Outcome", "Reason"), heads)
    for row, (item, pages) in enumerate(listings, last + 3):
        n, outcome, reason = (item.n, None, None) if pages else (None, OUTCOMES["not run"], item.note)
        styles = [*["cell"] * 5, "count", "cell", "cell", "cell" if pages else "not run", "cell"]
        _line(pen, sheet, row, (item.id, item.title, "", "", "", n, "", "", outcome, reason), styles)
        if pages:
            _link(pen, sheet, row, 0, f"'{pages[0].name}'!A1", item.id)
    _paper(pen, sheet, top)


def _front(pen: _Pen, sheet: Worksheet, book: Workbook, listings: list) -> None:
    """The first sheet of a workbook to answer on: what it was made from, and the way to every other sheet."""
    for col, width in enumerate((24, 84, 12)):
        sheet.set_column(col, col, width)
    sheet.set_row(0, 26)
    _put(pen, sheet, 0, 0, book.title, "title")
    run = (("Study", book.study), ("Data cut-off", book.cutoff), ("Run", book.run), ("Snapshot", book.snapshot))
    for row, fact in enumerate((*run, *book.facts), 2):
        sheet.set_row(row, 2 + LINE * _lines(str(fact[1] or ""), 84))
        _line(pen, sheet, row, fact, ("name", "fact"))
    top = 3 + len(run) + len(book.facts)
    _line(pen, sheet, top, ("Sheet", "What to do there", "Rows"), ["header cell"] * 3)
    for row, (item, pages) in enumerate(listings, top + 1):
        sheet.set_row(row, 2 + LINE * _lines(item.note, 84))
        _line(pen, sheet, row, (item.id, item.note, item.n), ("cell", "cell", "count"))
        if pages:
            _link(pen, sheet, row, 0, f"'{pages[0].name}'!A1", item.id)
    _paper(pen, sheet, top)


def _long_text(pen: _Pen) -> None:
    """The last sheet: texts longer than a cell can hold, whole, in pieces one below the other."""
    sheet = pen.xl.add_worksheet(LONG_TEXT)
    for col, width in enumerate((20, 10, 10, 150)):
        sheet.set_column(col, col, width)
    _link(pen, sheet, 0, 0, f"'{CONTENTS}'!A1", f"← {CONTENTS}", "back")
    _put(pen, sheet, 0, 1, "Texts longer than a cell can hold: read the pieces one after the other", "heading")
    _line(pen, sheet, HEAD - 1, ("Sheet", "Cell", "Piece", "Text"), ["header cell"] * 4)
    sheet.freeze_panes(HEAD, 0)
    if len(pen.long) > MAX_ROWS - HEAD:
        raise CdmError(f"The long texts need more than the {MAX_ROWS:,} rows of a sheet. No workbook was written.")
    for row, (name, cell, piece, text) in enumerate(pen.long, HEAD):
        sheet.set_row(row, LINE * MAX_LINES)
        _line(pen, sheet, row, (name, cell, piece, text), ["cell"] * 4)
        _link(pen, sheet, row, 1, f"'{name}'!{cell}", cell)
    _paper(pen, sheet, HEAD - 1)
