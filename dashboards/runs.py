"""What ran and how it ended, and who decided what, when and why."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from cdmlib import board
from cdmlib.board import Reader, View

from . import parts

TITLE = "Runs and trail"
SLUG = "runs"
CHECKS = """SELECT outcome, check_id, title, severity, action, n_findings, reason, round(seconds, 2) AS seconds,
                   CASE outcome WHEN 'error' THEN 0 WHEN 'not run' THEN 1 WHEN 'findings' THEN 2 ELSE 3 END AS first
            FROM check_runs WHERE $outcome = '' OR list_contains(string_split($outcome, ' or '), outcome)"""
OUTCOMES = {"all": "", "not run or error": "not run or error", "error": "error", "not run": "not run", "findings": "findings", "clean": "clean"}
COUNTS = "SELECT outcome, count(*) AS n FROM check_runs GROUP BY outcome"
TRAIL = {"seq": "Entry", "when": "When (UTC, local offset)", "who": "Who (role)", "act": "Act", "subject": "What", "field": "Field", "old": "Old", "new": "New", "reason": "Why"}
WIDTHS = {"seq": 60, "when": 150, "who": 130, "act": 85, "subject": 105, "field": 80, "old": 105, "run": 125, "status": 85, "as_of": 100, "by": 80, "shown": 75, "started_at": 135, "finished_at": 135}


def page(view: View) -> pn.viewable.Viewable:
    """The page of runs, check outcomes and the journal."""
    return parts.following(view, lambda: _page(view), "study", "cutoff")


def _page(view: View) -> pn.viewable.Viewable:
    reader = view.reader
    runs, trail, chain = reader.runs(), reader.journal(), reader.chain()
    spot, go = parts.mark()
    outcome = parts.in_address("outcome", parts.choice("Outcome", OUTCOMES, width=180))
    ended = parts.choice("Runs", {"all": "", "not complete": "not complete"})

    def show(tab: int, widget: pmui.Select | None = None, value: str = "") -> None:
        tabs.active = tab
        if widget:
            widget.value = value
        go()

    tabs = parts.tabs(("Checks of this run", lambda: _checks(reader, outcome)), ("Runs", lambda: _runs(reader, runs, ended)), ("Journal", lambda: _trail(reader, trail)))
    return pn.Column(
        parts.heading(TITLE, f"What is shown elsewhere is run {reader.run}, results of {reader.as_of}.", level=1),
        parts.cards(*_numbers(reader, runs, trail, lambda kind: show(0, outcome, kind), lambda: show(1, ended, "not complete"), lambda: show(2))),
        parts.state("✔ chain whole" if chain.ok else "✖ CHAIN BROKEN", f"The journal: {chain.said}"),
        spot, tabs,
        sizing_mode="stretch_width",
    )  # fmt: skip


def _numbers(reader: Reader, runs: pd.DataFrame, trail: pd.DataFrame, checks: Callable[[str], None], failures: Callable[[], None], entries: Callable[[], None]) -> list[pn.viewable.Viewable]:
    shown = []
    if reader.has("check_runs"):
        counts = dict(reader.rows(COUNTS).itertuples(index=False))
        every = sum(counts.values())
        told = {"error": "Checks that ended in an error.", "not run": "Checks that could not run; each says why. Not run is not clean.", "findings": "Checks with at least one finding.", "clean": "Checks that ran and found nothing."}
        shown = [parts.number(f"Checks: {outcome}", counts.get(outcome, 0), every, f"{definition} Of all checks of this run.", rows=lambda kind=outcome: checks(kind)) for outcome, definition in told.items()]
    failed = int(runs.status.ne("complete").sum())
    shown.append(parts.number("Runs not complete", failed, len(runs), "Runs that failed, or that are running or were killed; of all runs of this study.", rows=failures))
    shown.append(parts.number("Journal entries", len(trail), definition="Decisions that people and the system took, each sealed to the one before.", rows=entries))
    return shown


def _checks(reader: Reader, outcome: pmui.Select) -> pn.viewable.Viewable:
    table = parts.Table(
        reader, CHECKS, {"outcome": outcome.value}, name="checks", sort=[("first", False)], key=["check_id"], hide=["first"], size=20, titles={"n_findings": "Findings", "reason": "Why"}, widths={"title": 260, "outcome": 80, "action": 72, "n_findings": 76, "seconds": 70},
    )  # fmt: skip
    outcome.param.watch(lambda event: table.select(CHECKS, {"outcome": event.new}), "value")
    return pn.Column(pn.Row(outcome, margin=(8, 0, 0, 0)), table, sizing_mode="stretch_width")


def _runs(reader: Reader, runs: pd.DataFrame, ended: pmui.Select) -> pn.viewable.Viewable:
    place = pn.Column(sizing_mode="stretch_width", margin=0)

    def draw(*_: object) -> None:
        chosen = runs[runs.status.ne("complete")] if ended.value else runs
        place.objects = [_run_table(reader, chosen) if len(chosen) else parts.state("nothing", "Every run is complete.")]

    ended.param.watch(draw, "value")
    draw()
    return pn.Column(pn.Row(ended, margin=(8, 0, 0, 0)), place, sizing_mode="stretch_width")


def _run_table(reader: Reader, runs: pd.DataFrame) -> pn.viewable.Viewable:
    return frame_table(reader, runs.assign(shown=runs.shown.map({True: "◀ shown", False: ""}), started_at=runs.started_at.map(_moment), finished_at=runs.finished_at.map(_moment)), {"run": "Run", "status": "Outcome", "as_of": "Cut-off", "snapshot": "Snapshot", "started_at": "Started (UTC)", "finished_at": "Finished (UTC)", "by": "By", "error": "Why it failed", "shown": ""}, "runs")  # fmt: skip


def _moment(text: str) -> str:
    return text[:19].replace("T", " ")


def _trail(reader: Reader, trail: pd.DataFrame) -> pn.viewable.Viewable:
    if trail.empty:
        return parts.state("nothing", "Nobody has decided anything yet.")
    return frame_table(reader, trail.assign(when=trail.utc.str[:19].str.replace("T", " ") + " " + trail.local_offset, who=trail.actor + " (" + trail.role + ")"), TRAIL, "journal")


def frame_table(reader: Reader, rows: pd.DataFrame, titles: dict[str, str], name: str) -> pn.viewable.Viewable:
    """Rows that are not in the mart, with a search over all of them and an export of those that it leaves."""
    rows = rows[list(titles)].astype(object)
    search = pmui.TextInput(label="Find in all columns", size="small", width=280, margin=(6, 8))
    told = parts.markup("", width=200, sizing_mode=None, margin=(16, 8))
    long = {"new", "old", "reason", "error", "subject", "when", "who", "snapshot"}
    grid = pn.widgets.Tabulator(
        rows, show_index=False, disabled=True, selectable=False, titles=titles, pagination="remote", page_size=15, layout="fit_columns", theme="simple",
        formatters={c: {"type": "textarea" if c in long else "plaintext"} for c in rows.columns}, editors=dict.fromkeys(rows.columns), sizing_mode="stretch_width", margin=(0, 8), widths={c: w for c, w in WIDTHS.items() if c in rows.columns}, stylesheets=[parts.GRID],
    )  # fmt: skip

    def left() -> pd.DataFrame:
        text = (search.value or "").strip().casefold()
        if not text:
            return rows
        return rows[rows.apply(lambda row: any(text in str(value).casefold() for value in row), axis=1)]

    def found(*_: object) -> None:
        grid.value = left()
        told.object = f'<span class="quiet" role="status">{len(grid.value):,} of {len(rows):,} rows</span>'

    def export() -> object:
        reader.require("export")
        return board.to_csv([titles[c] or c for c in rows.columns], left().itertuples(index=False))

    search.param.watch(found, "value")
    found()
    download = pmui.FileDownload(callback=export, filename=f"{reader.study_id}_{name}.csv", label="Export these rows", variant="outlined", size="small", margin=(10, 8))
    return pn.Column(pn.FlexBox(search, told, *([download] if reader.may("export") else []), margin=(8, 0, 0, 0)), grid, sizing_mode="stretch_width")
