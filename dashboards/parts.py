"""What the pages are made of: numbers with what is behind them, tables read a page at a time, plots, and what stands where there is nothing."""

from __future__ import annotations

import html
import itertools
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from urllib.parse import parse_qs, urlencode

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui
from bokeh.models import ColumnDataSource, HBar, Quad, Rect, Scatter, VBar

from cdmlib import board
from cdmlib.board import Denied, NotThere, Reader, View
from cdmlib.errors import CdmError

PAGE = 15  # rows of a table on one page
WIDTHS = {"siteid": 56, "subjid": 84, "visit": 82, "form": 96, "status": 80, "severity": 72, "age_days": 62, "waiting_days": 68, "opened_on": 88, "action_owner": 98, "owner": 92, "check_id": 62}  # pixels
TITLES = {  # of columns, where the name with its underscores taken out does not say it
    "siteid": "Site", "subjid": "Subject", "age_days": "Age (days)", "waiting_days": "Waiting (days)", "action_owner": "Who must act",
    "marking_group": "Marking group", "query_id": "Query", "fieldlabel": "Field", "n": "Number", "opened_on": "Opened", "answered_on": "Answered",
    "response_days": "Days to answer", "check_id": "Check", "formrow": "Row", "recon": "Reconciliation", "field_label": "What differs",
}  # fmt: skip
STYLE = """
:host { color: var(--panel-on-background-color, inherit); font-family: var(--bokeh-base-font, inherit); }
a { color: var(--panel-primary-color, #0072b5); }
h1 { font-size: 1.45rem; font-weight: 600; margin: 0 0 .15rem; } h2 { font-size: 1.05rem; font-weight: 600; margin: .5rem 0 .15rem; }
p { margin: .1rem 0; } .quiet { opacity: .75; font-size: .86rem; }
.card { box-sizing: border-box; min-height: 112px; padding: .6rem .8rem; border: 1px solid color-mix(in srgb, currentColor 22%, transparent); border-radius: 6px; background: var(--panel-surface-color, transparent); }
.card .name { font-size: .86rem; opacity: .85; } .card .big { font-size: 1.5rem; font-weight: 600; line-height: 1.25; }
.card .of { font-size: .8rem; opacity: .85; } .card details { font-size: .8rem; } .card summary { cursor: pointer; opacity: .85; padding: .1rem 0; }
.rows { display: inline-block; padding: .35rem .3rem; font-size: .82rem; font-weight: 500; text-decoration: none } .rows:hover { text-decoration: underline }
.state { padding: .8rem 1rem; border: 1px dashed color-mix(in srgb, currentColor 35%, transparent); border-radius: 6px; }
.state b { margin-right: .5rem; }
table { border-collapse: collapse; width: 100%; font-size: .86rem; } th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid color-mix(in srgb, currentColor 22%, transparent); } td.long { overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content minmax(9rem, 1fr); gap: .15rem 1rem; margin: .2rem 0; font-size: .92rem; }
dl.wide { grid-template-columns: max-content minmax(6rem, 1fr) max-content minmax(6rem, 1fr); } dt { opacity: .75; } dd { margin: 0; }
"""
GRID = """
:host { font-size: 13px; } .tabulator, .tabulator .tabulator-row, .tabulator .tabulator-header, .tabulator .tabulator-col-title { font-size: 13px !important; }
.tabulator .tabulator-cell { padding: 4px 6px !important; overflow-wrap: break-word; hyphens: auto; line-height: 1.3; min-height: 0 !important; }
.tabulator .tabulator-row { min-height: 26px !important; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-content { padding: 4px 3px 4px 6px !important; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-title { white-space: normal !important; padding-right: 0 !important; line-height: 1.2; text-overflow: clip; overflow-wrap: anywhere; hyphens: auto; }
.tabulator .tabulator-header .tabulator-col .tabulator-col-sorter { right: 1px !important; }
.tabulator .tabulator-header .tabulator-col[aria-sort="none"]:not(:hover) .tabulator-col-sorter { visibility: hidden; }
.tabulator .tabulator-col:not([tabulator-field]) { visibility: hidden; }
.tabulator .tabulator-cell[tabulator-field="status"] { font-weight: 600; }
.tabulator .tabulator-row:focus-visible, .tabulator .tabulator-cell:focus-visible { outline: 3px solid #4c8fd6; outline-offset: -3px; }
"""
NUMBERS = itertools.count(1)
MARKS = (HBar, Quad, Rect, Scatter, VBar)  # what can be clicked in a plot
FOUND = """
const look = (root) => {
  for (const e of root.querySelectorAll('*')) {
    if (e.classList.contains(mark)) return e
    const inside = e.shadowRoot && look(e.shadowRoot)
    if (inside) return inside
  }
}
setTimeout(() => { const e = look(document); if (e) { e.tabIndex = -1; e.focus({preventScroll: true}); e.scrollIntoView({behavior: 'smooth', block: block}) } }, 250)
"""
KEYS = """
// Tables by keyboard: Tab comes to the first row, up and down go through the rows, left and right through its cells, Enter is a click.
// Tab passes by plots: what a click on them shows is reached by the choices, tables and buttons beside them.
const walk = (root, found) => {
  for (const e of root.querySelectorAll('*')) {
    if (e.classList.contains('tabulator-table')) found.push(e)
    if (e.classList.contains('bk-events') || e.classList.contains('tabulator-tableholder')) e.tabIndex = -1
    if (e.shadowRoot) walk(e.shadowRoot, found)
  }
  return found
}
const ready = (table) => {
  const rows = [...table.querySelectorAll('.tabulator-row')]
  rows.forEach((row, at) => { row.tabIndex = at ? -1 : 0 })
  table.querySelectorAll('.tabulator-cell').forEach((cell) => { cell.tabIndex = -1 })
  if (table.dataset.keys) return
  table.dataset.keys = 'yes'
  table.addEventListener('keydown', (event) => {
    const at = table.getRootNode().activeElement, row = at?.closest('.tabulator-row')
    if (!row) return
    const cells = [...row.querySelectorAll('.tabulator-cell')].filter((cell) => cell.offsetParent), here = cells.indexOf(at)
    const next = {ArrowDown: row.nextElementSibling, ArrowUp: row.previousElementSibling, ArrowRight: cells[Math.min(here + 1, cells.length - 1)], ArrowLeft: here > 0 ? cells[here - 1] : row}[event.key]
    if (event.key === 'Enter') (here < 0 ? cells[0] : at).click()
    else if (next) { next.tabIndex = next.classList.contains('tabulator-row') ? 0 : -1; next.focus() }
    else return
    event.preventDefault()
  })
}
window.addEventListener('keydown', (event) => { if (event.key === 'Tab') walk(document, []).forEach(ready) }, true)
"""
ROWS = """
.bk-btn.bk-btn-default { border: 0; min-height: 0; background: none; box-shadow: none; padding: .35rem .3rem; font: 500 .82rem var(--bokeh-base-font, inherit) !important; color: var(--panel-primary-color, #0072b5) !important; text-align: left; }
.bk-btn.bk-btn-default:hover { text-decoration: underline; } .bk-btn.bk-btn-default:focus-visible { outline: 2px solid currentColor; outline-offset: -2px; }
"""
READING = ThreadPoolExecutor(4, "reading")  # a table that takes long to read holds up nobody else
log = logging.getLogger(__name__)


def text(value: object) -> str:
    """Text from data as HTML that says just this text; nothing for an empty value."""
    return "" if pd.isna(value) else html.escape(str(value))


def markup(inner: str, **params: object) -> pn.pane.HTML:
    """HTML of our own, in the looks of the dashboard. Whatever comes from data must have passed through `text`."""
    return pn.pane.HTML(inner, **({"stylesheets": [STYLE], "sizing_mode": "stretch_width", "margin": (2, 8)} | params))


def heading(title: str, under: str = "", level: int = 2) -> pn.pane.HTML:
    """A heading with a quiet line under it."""
    return markup(f"<h{level}>{text(title)}</h{level}>" + (f'<p class="quiet">{text(under)}</p>' if under else ""))


def state(word: str, said: str) -> pn.pane.HTML:
    """What stands in the place of something that is not there: a word (nothing, not run, not allowed, error) and why."""
    return markup(f'<div class="state" role="status"><b>{text(word)}</b>{text(said)}</div>', margin=(6, 8))


def folded(said: str, inside: str) -> pn.pane.HTML:
    """A line that opens to more."""
    return markup(f"<details><summary>{text(said)}</summary><p>{text(inside)}</p></details>", margin=(4, 8))


def guarded(build: Callable[[], pn.viewable.Viewable]) -> pn.viewable.Viewable:
    """What `build` makes; or, in its place, why it can't be shown. A part that fails leaves the rest of the page standing."""
    try:
        return build()
    except Denied as error:
        return state("not allowed", str(error))
    except NotThere as error:
        return state("not run", str(error).removeprefix("not run: "))
    except CdmError as error:
        return state("can't be shown", str(error))
    except Exception:  # the reader is told; the traceback, in which data may stand, goes to the server's log only
        log.exception("a part of a page failed")
        return state("error", "This part failed. The rest of the page is right; the server's log says what happened.")


def following(view: View, build: Callable[[], pn.viewable.Viewable], *names: str) -> pn.Column:
    """What `build` makes, made anew whenever one of these filters changes."""
    place = pn.Column(guarded(build), sizing_mode="stretch_width", margin=0)

    def again(*_: object) -> None:
        place.objects = [guarded(build)]

    view.param.watch(again, list(names))
    return place


def number(
    name: str, numerator: object, denominator: object = None, definition: str = "", unit: str = "", value: object = None, change: str = "",
    href: str = "", rows: Callable[[], None] | None = None,
) -> pn.viewable.Viewable:  # fmt: skip
    """A number with what it is made of: numerator and denominator under it, its definition on hover and on opening it, and a way to its rows.

    value: shown large when given, else the share in percent when there is a denominator and unit is `percent`, else the numerator.
    change: such as `12 fewer than last week`. href: the address of the page with the rows; rows: what a click does on this page.
    """
    missing = pd.isna(numerator)
    has = denominator is not None and pd.notna(denominator)
    if missing:
        large = "not known"
    elif value is not None and pd.notna(value):
        large = (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}") + (" %" if unit == "percent" else f" {unit}" if unit else "")
    elif value is not None:
        large = "none"
    elif unit == "percent" and has:
        large = f"{100 * numerator / denominator:.1f} %" if denominator else "none"
    else:
        large = f"{numerator:,.0f}"
    of = f"{numerator:,.0f} of {denominator:,.0f}" if has and not missing else ""
    lines = [f'<div class="name">{text(name)}</div><div class="big">{text(large)}</div>']
    lines.append(f'<div class="of">{text(of) or "&nbsp;"}{" · " if of and change else ""}{text(change)}</div>')
    lines += [f"<details><summary>Definition</summary>{text(definition)}</details>"] if definition else []
    told = text(f"{of + '. ' if of else ''}{definition}")
    link = f'<a class="rows" href="{text(href)}">Show the rows</a>' if href else ""
    shown = markup(f'<div class="card" title="{told}">{"".join(lines)}</div>{link}', margin=0 if rows else 4, width=158, sizing_mode=None)
    if not rows:
        return shown
    button = pn.widgets.Button(label="Show the rows", margin=0, stylesheets=[ROWS])  # many stand on a page: lighter than one of Material UI
    button.on_click(lambda _: rows())
    return pn.Column(shown, button, width=158, margin=4)


def cards(*numbers: pn.viewable.Viewable) -> pn.Row:
    """Numbers side by side, in as many lines as the screen needs."""
    return flow(*numbers)


def flow(*parts: pn.viewable.Viewable, gap: str = "4px", **styles: str) -> pn.Row:
    """Parts side by side, in as many lines as the screen needs."""
    return pn.Row(*parts, styles={"flex-wrap": "wrap", "gap": gap} | styles, sizing_mode="stretch_width", margin=0)


def plot(figure: hv.Element, under: str = "", on_tap: Callable[[dict], None] | None = None) -> pn.Column:
    """A figure, with what it shows in words for those who can't see it. on_tap: what a click on a mark does; it is given the mark's
    columns, texts as the figure writes them and days as ISO dates. The keyboard must reach the same in another way."""
    if on_tap:
        figure = figure.opts(hv.opts.Overlay(hooks=[lambda plot, _: _hear(plot, on_tap)]))
    return pn.Column(
        pn.pane.HoloViews(figure, sizing_mode="stretch_width", linked_axes=False, theme=None), *([markup(f'<p class="quiet">{text(under)}</p>')] if under else []),
        sizing_mode="stretch_width", margin=0,
    )  # fmt: skip


def side_by_side(*parts: pn.viewable.Viewable) -> pn.FlexBox:
    """Parts next to each other where there is room (at least 430 pixels each), else one under the other."""
    for part in parts:
        part.styles = {"flex": "1 1 430px", "min-width": "0"}
    return pn.FlexBox(*parts, gap="8px", sizing_mode="stretch_width")  # with a plain row here, plots behind tabs are drawn without a width


class Table(pn.viewable.Viewer):
    """The rows of a SELECT, read a page at a time: a click on a heading sorts all of them, the search looks in all columns of all of them,
    and the export gives exactly those that are shown. on_row: what a click on a row does; it is given the row by column. on_cell: what a click on a cell does; it is given the column too."""

    def __init__(
        self, reader: Reader, sql: str, params: dict | None = None, *, name: str, titles: dict[str, str] | None = None, size: int = PAGE,
        sort: Sequence[tuple[str, bool]] = (), key: Sequence[str] = (), hide: Sequence[str] = (), on_row: Callable[[dict], None] | None = None,
        nothing: str = "There is nothing here.", widths: dict[str, int] | None = None, on_cell: Callable[[dict, str], None] | None = None,
    ) -> None:  # fmt: skip
        self.reader, self.sql, self.params, self.size, self.sort, self.key, self.nothing = reader, sql, params or {}, size, list(sort), list(key), nothing
        self.at, self.first = 0, list(sort)
        super().__init__()
        self.read_first = shown = reader.page(sql, self.params, size=size, sort=self.sort, key=self.key)
        titles = {c: TITLES.get(c, c.replace("_", " ").capitalize()) for c in shown.rows.columns} | (titles or {})
        numeric = [c for c in shown.rows.columns if pd.api.types.is_numeric_dtype(shown.rows[c])]
        self.grid = pn.widgets.Tabulator(
            _page(shown.rows), show_index=False, disabled=True, selectable=False, titles=titles, hidden_columns=list(hide), layout="fit_columns",
            formatters={c: {"type": "plaintext" if c in numeric else "textarea"} for c in shown.rows.columns},  # both show markup as text
            editors=dict.fromkeys(shown.rows.columns),  # none: a cell with an editor takes the keyboard's focus and drops it
            widths=({c: 84 for c in numeric} if len(shown.rows.columns) > 8 else {}) | {c: WIDTHS[c] for c in shown.rows.columns if c in WIDTHS} | (widths or {}),
            sizing_mode="stretch_width", theme="simple", margin=(0, 8),
            configuration={"columnDefaults": {"tooltip": False, "headerTooltip": False, "headerSortTristate": True, "minWidth": 44}, "placeholder": "nothing"},
            text_align={c: "right" for c in numeric}, header_align={c: "right" for c in numeric}, stylesheets=[GRID],
        )  # fmt: skip
        self.search = pmui.TextInput(label="Find in all columns", size="small", width=190, margin=(4, 8))
        self.turn = pmui.Pagination(count=1, value=0, size="small", margin=(8, 0), show_first_button=True, show_last_button=True)
        self.told = markup("", width=165, sizing_mode=None, margin=(12, 8))
        self.export = pmui.FileDownload(
            callback=self._export, filename=f"{reader.study_id}_{reader.as_of}_{name}.csv", label="Export these rows", variant="outlined", size="small", margin=(8, 8)
        )  # fmt: skip
        self.problem = pn.Column(margin=0, sizing_mode="stretch_width")
        self.search.param.watch(self._searched, "value")
        self.turn.param.watch(self._turned, "value")
        self.grid.param.watch(self._sorted, "sorters")
        if on_row:
            self.grid.on_click(lambda event: self._clicked(event.row, on_row))
        if on_cell:
            self.grid.on_click(lambda event: self._clicked(event.row, lambda row: on_cell(row, event.column)))
        self._show(shown)
        tools = [self.search, self.told, self.turn, *([self.export] if reader.may("export") else [])]
        self.place = pn.Column(flow(*tools, **{"align-items": "center"}), self.problem, self.grid, sizing_mode="stretch_width", margin=0)

    def __panel__(self) -> pn.viewable.Viewable:
        return self.place

    def paint(self, shade: Callable[[object], str], columns: Sequence[str]) -> None:
        """Give the cells of some columns a look by their value; the value must say the same without it."""
        self.grid.style.map(shade, subset=list(columns))

    def select(self, sql: str, params: dict) -> None:
        """Show the rows of another SELECT with the same columns, from its first page on."""
        self.sql, self.params, self.at = sql, params, 0
        self.read()

    def read(self) -> None:
        """Read the page anew, beside whatever else the server does; of several readings the last one asked for is shown."""
        ask = partial(self.reader.page, self.sql, self.params, number=self.at, size=self.size, sort=self.sort, search=self.search.value or "", key=self.key)
        self.asked, document = ask, pn.state.curdoc
        if not document:
            self._take(ask, ask)
            return

        def tell(found: Future) -> None:
            if document.session_context:  # the page may have been left meanwhile
                document.add_next_tick_callback(partial(self._take, ask, found.result))

        READING.submit(ask).add_done_callback(tell)

    def _take(self, asked: Callable[[], board.Rows], found: Callable[[], board.Rows]) -> None:
        if self.asked is not asked:
            return
        try:
            self._show(found())
            self.problem.objects = []
        except CdmError as error:
            self.problem.objects = [state("can't be shown", str(error))]

    def _show(self, shown: board.Rows) -> None:
        pages = max(-(-shown.total // self.size), 1)
        first = self.at * self.size
        if shown is not self.read_first:
            self.grid.value = _page(shown.rows)
        self.read_first = None
        self.turn.param.update(count=pages, value=self.at, visible=pages > 1)
        found = "" if not (self.search.value or "").strip() else " found"
        said = f"rows {first + 1:,} to {first + len(shown.rows):,} of {shown.total:,}{found}" if shown.total else self.nothing if not found else "nothing found"
        self.told.object = f'<span class="quiet" role="status">{text(said)}</span>'

    def _searched(self, _: object) -> None:
        self.at = 0
        self.read()

    def _turned(self, event: object) -> None:
        if event.new != self.at:
            self.at = event.new
            self.read()

    def _sorted(self, event: object) -> None:
        self.sort = [(s["field"], s["dir"] == "desc") for s in event.new or []] or self.first
        self.at = 0
        self.read()

    def _clicked(self, row: int, on_row: Callable[[dict], None]) -> None:
        on_row(self.grid.value.iloc[row].to_dict())

    def _export(self) -> object:
        return self.reader.export(self.sql, self.params, sort=self.sort, search=self.search.value or "", key=self.key)


def _page(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows as the table shows them: nothing for an empty cell, whole numbers without a point."""
    shown = {}
    for name in rows.columns:
        column = rows[name]
        empty = None if pd.api.types.is_numeric_dtype(column) else ""
        values = [empty if missing else value for value, missing in zip(column.tolist(), column.isna().tolist(), strict=True)]
        if pd.api.types.is_float_dtype(column) and all(value is None or float(value).is_integer() for value in values):
            values = [value if value is None else int(value) for value in values]
        shown[name] = pd.Series(values, dtype=object)
    return pd.DataFrame(shown, columns=rows.columns)


class Held:
    """Rows that a page has put together itself, read and exported like those of a Reader."""

    def __init__(self, reader: Reader, rows: pd.DataFrame) -> None:
        self.reader, self.rows = reader, rows
        self.study_id, self.as_of, self.may = reader.study_id, reader.as_of, reader.may

    def page(self, _: str, __: dict, *, number: int = 0, size: int = PAGE, **how: object) -> board.Rows:
        rows = self._narrowed(**how)
        return board.Rows(rows.iloc[number * size : (number + 1) * size].reset_index(drop=True), len(rows))

    def export(self, _: str, __: dict, **how: object) -> object:
        self.reader.require("export")
        rows = self._narrowed(**how)
        return board.to_csv(list(rows.columns), rows.astype(object).where(rows.notna(), None).itertuples(index=False, name=None))

    def _narrowed(self, sort: Sequence[tuple[str, bool]] = (), search: str = "", key: Sequence[str] = ()) -> pd.DataFrame:
        rows = self.rows
        if search.strip():
            has = [rows[c].astype(str).str.contains(search.strip(), case=False, regex=False) for c in rows.columns]
            rows = rows[pd.concat(has, axis=1).any(axis=1)]
        return rows.sort_values([c for c, _ in sort], ascending=[not down for _, down in sort], kind="stable") if sort else rows


def held(reader: Reader, rows: pd.DataFrame, name: str, **params: object) -> Table:
    """A table of rows that a page has put together itself."""
    return Table(Held(reader, rows), "", {}, name=name, **params)


def tabs(*parts: tuple[str, Callable[[], pn.viewable.Viewable]]) -> pmui.Tabs:
    """Parts behind tabs; each is made when it is first opened."""
    places = [pn.Column(sizing_mode="stretch_width", margin=0) for _ in parts]
    made: set[int] = set()
    shown = pmui.Tabs(*((name, place) for (name, _), place in zip(parts, places, strict=True)), sizing_mode="stretch_width", margin=0)

    def opened(*_: object) -> None:
        at = shown.active
        if at not in made:
            made.add(at)
            places[at].objects = [guarded(parts[at][1])]

    shown.param.watch(opened, "active")
    opened()
    return shown


def table(rows: Sequence[dict]) -> str:
    """A few rows as HTML, for what needs no search; text from data is text."""
    head = "".join(f'<th scope="col">{text(name.capitalize() if name.islower() else name)}</th>' for name in rows[0])
    return f"<table><thead><tr>{head}</tr></thead><tbody>" + "".join("<tr>" + "".join(f"<td{_long(value)}>{text(value)}</td>" for value in row.values()) + "</tr>" for row in rows) + "</tbody></table>"


def _long(value: object) -> str:
    return ' class="long"' if any(len(word) > 32 for word in str(value).split()) else ""


def facts(given: dict[str, object], wide: bool = False) -> pn.pane.HTML:
    """Names with their values, one under the other; `wide`: two beside each other."""
    return markup(f'<dl{" class=wide" if wide else ""}>' + "".join(f"<dt>{text(name)}</dt><dd>{text(value) or '—'}</dd>" for name, value in given.items()) + "</dl>")


def choice(label: str, options: Sequence[str] | dict[str, str], value: str = "", width: int = 200) -> pmui.Select:
    """A choice of one word, as large as the other controls."""
    return pmui.Select(label=label, options=options, value=value, size="small", width=width, margin=(6, 8))


def _hear(plot: object, on_tap: Callable[[dict], None]) -> None:
    """Tell of clicks on the marks of a drawn overlay."""
    for part in plot.traverse(lambda p: p, [lambda p: not hasattr(p, "subplots") or not p.subplots]):
        source, glyph = part.handles.get("cds"), part.handles.get("glyph")
        if not isinstance(glyph, MARKS) or "heard" in source.tags:
            continue
        source.tags = [*source.tags, "heard"]
        source.selected.on_change("indices", lambda _, __, chosen, source=source: _tapped(source, chosen, on_tap))


def _tapped(source: ColumnDataSource, chosen: list[int], on_tap: Callable[[dict], None]) -> None:
    if not chosen:
        return
    source.selected.indices = []  # so that the same mark can be clicked again
    row = {name: values[chosen[-1]] for name, values in source.data.items() if len(values) > chosen[-1]}
    on_tap({name: pd.Timestamp(value).date().isoformat() if isinstance(value, np.datetime64 | pd.Timestamp) else value for name, value in row.items()})


def mark(block: str = "start") -> tuple[pn.viewable.Viewable, Callable[[], None]]:
    """An invisible mark on the page, and what brings the reader to it: to rows that a click higher up has chosen. block: where on the screen."""
    name = f"mark-{next(NUMBERS)}"
    place = pn.widgets.StaticText(css_classes=[name], height=1, margin=0, styles={"scroll-margin-top": "72px", "outline": "none"}, sizing_mode="stretch_width")
    place.jscallback(args={"mark": name, "block": block}, value=FOUND)
    return place, lambda: setattr(place, "value", f"<!-- {next(NUMBERS)} -->")


def detail() -> tuple[pn.Column, Callable[[Callable[[], pn.viewable.Viewable]], None]]:
    """A place under a table for what a chosen row holds, and what fills it and brings the reader there."""
    inside, (spot, go) = pn.Column(sizing_mode="stretch_width", margin=0), mark("center")

    def show(build: Callable[[], pn.viewable.Viewable]) -> None:
        inside.objects = [guarded(build)]
        go()

    return pn.Column(spot, inside, sizing_mode="stretch_width", margin=0), show


def go_to(address: str) -> None:
    """Open another page of the dashboard; address: as `View.link` gives it."""
    if pn.state.location:
        page, _, search = address.partition("?")
        pn.state.location.param.update(reload=True, pathname=f"{pn.state.location.pathname.rpartition('/')[0]}/{page}", search=f"?{search}" if search else "")


def in_address(name: str, widget: pmui.Select) -> pmui.Select:
    """A choice of one page that is kept in the address, so that a link can set it; a value that is not offered is left aside."""
    if not pn.state.location:
        return widget
    asked = parse_qs(pn.state.location.search.lstrip("?")).get(name, [""])[-1]
    offered = list(widget.options.values() if isinstance(widget.options, dict) else widget.options)
    first = widget.value
    if asked in offered and asked:
        widget.value = asked

    def written(event: object) -> None:
        others = {key: values[-1] for key, values in parse_qs(pn.state.location.search.lstrip("?")).items() if key != name}
        kept = others | ({name: event.new} if event.new not in ("", first) else {})
        pn.state.location.search = f"?{urlencode(kept)}" if kept else ""

    widget.param.watch(written, "value")
    return widget
