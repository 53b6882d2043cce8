"""One study in numbers: where it stands, how that moved since the cut-off before, and what is new."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from cdmlib import figures
from cdmlib.board import NotThere, Reader, View, where

from . import behind, parts, portfolio, reviewing
from .later import later

Show = Callable[[Callable[[], pn.viewable.Viewable]], None]  # what puts rows under the page and brings the reader to them
TITLE = "Study overview"
SLUG = "overview"
WEEKS = 12  # cut-off dates of a trend
CLEAN = f"""SELECT count(CASE WHEN ready THEN 1 END) AS n, count(*) AS of, max(version) AS version FROM readiness
            WHERE level = 'subject' AND criterion = 'all' AND {where("siteid", "subjid")}"""
QUERIES = f"""SELECT count(CASE WHEN status = 'open' THEN 1 END) AS open, count(CASE WHEN status = 'answered' THEN 1 END) AS answered,
                     count(CASE WHEN status <> 'cancelled' THEN 1 END) AS of, count(*) AS listed FROM queries WHERE {where("siteid", "subjid")}"""
FINDINGS = f"""SELECT count(*) AS of, count(CASE WHEN flag IN ('New', 'Reappeared', 'Changed', 'Review outdated') THEN 1 END) AS to_read
               FROM findings WHERE gone_on IS NULL AND {where("siteid", "subjid", "severity")}"""
CHECKS = "SELECT count(CASE WHEN outcome IN ('not run', 'error') THEN 1 END) AS n, count(CASE WHEN outcome = 'error' THEN 1 END) AS errors, count(*) AS of FROM check_runs"
BY_SEVERITY = f"SELECT severity, count(*) AS findings FROM findings WHERE gone_on IS NULL AND {where('siteid', 'subjid', 'severity')} GROUP BY severity ORDER BY severity"
FUNNEL = "SELECT coalesce(category, '') AS step, numerator, denominator, value, definition FROM metrics WHERE metric = 'PG08' AND level = $level AND ($site = '' OR siteid = $site) ORDER BY numerator DESC, list_position(['entered', 'verified', 'signed', 'frozen', 'locked'], category)"
FLOW = f"SELECT status, severity, count(*) AS findings FROM findings WHERE {where('siteid', 'subjid', 'severity')} AND (gone_on IS NULL OR gone_on = $as_of) GROUP BY status, severity ORDER BY status, severity"
CHANGES = f"""SELECT dataset AS form, coalesce(field, '') AS field, kind, count(*) AS n, count(DISTINCT subjid) AS subjects FROM changes
              WHERE ($subject = '' OR subjid = $subject) AND ($site = '' OR subjid IN (SELECT subjid FROM subjects WHERE {where("siteid")})) GROUP BY 1, 2, 3"""
STOOD = f"""SELECT finding_id, severity, flag, status, siteid, subjid, visit, form, message, review_status FROM findings
            WHERE gone_on IS NULL AND {where("siteid", "subjid", "severity")}"""
OF_STATUS = f"""SELECT finding_id, severity, flag, status, siteid, subjid, visit, form, message, review_status FROM findings
                WHERE status = $status AND (gone_on IS NULL OR gone_on = $as_of) AND {where("siteid", "subjid", "severity")}"""
LIST = f"""SELECT finding_id, severity, flag, siteid, subjid, visit, form, message, review_status, review_comment, owner, first_seen, check_id
           FROM findings WHERE gone_on IS NULL AND {where("siteid", "subjid", "severity")}
             AND CASE $show WHEN 'to read' THEN flag IN ('New', 'Reappeared', 'Changed', 'Review outdated') WHEN 'not reviewed' THEN coalesce(review_status, '') = '' OR review_outdated ELSE true END"""
SHOWN = {"new or changed": "to read", "not reviewed": "not reviewed", "all that stand": ""}
SEVERITY = {"critical": 0, "major": 1, "minor": 2}


def page(view: View) -> pn.viewable.Viewable:
    """The page of one study."""
    return parts.following(view, lambda: _page(view), "study", "cutoff", "site", "subject", "severity")


def _page(view: View) -> pn.viewable.Viewable:
    reader = view.reader
    before = reader.before()
    since = f"Changes are those since {before.as_of}." if before else "This is the first cut-off date, so there is no change to show."
    said = f"{reader.title}. Results of {reader.as_of} (run {reader.run}); the study is {reader.stands().said}. {since}"
    listing, rows = _findings(view, reader)
    place, (spot, go) = pn.Column(sizing_mode="stretch_width", margin=0), parts.mark()
    (above, top) = parts.mark()

    def show(build: Callable[[], pn.viewable.Viewable]) -> None:
        place.objects = [parts.guarded(build)]
        go()

    def to_read() -> None:
        tabs.active = 0
        rows("to read")
        top()

    tabs = parts.tabs(("Findings", lambda: listing), ("What changed in the data", lambda: _changes(view, reader)), ("Findings that came and went", lambda: _flow(view, reader, show)))
    return pn.Column(
        parts.heading(f"Study {reader.study_id}", said, level=1),
        parts.cards(*_numbers(view, reader, before, to_read)),
        parts.side_by_side(later(lambda: _trend(view, reader, show)), later(lambda: _funnel(view, reader, show))),
        above, tabs, spot, place,
        sizing_mode="stretch_width",
    )  # fmt: skip


def _one(reader: Reader | None, sql: str, given: dict) -> dict:
    """The one row of a SELECT; nothing when the results can't say."""
    if reader is None:
        return {}
    try:
        return {name: None if value != value else value for name, value in reader.rows(sql, given).iloc[0].to_dict().items()}
    except NotThere:
        return {}


def _moved(now: dict, before: dict, name: str) -> str:
    if now.get(name) is None or before.get(name) is None:
        return ""
    more = int(now[name] - before[name])
    return f"▲ {more:,} more" if more > 0 else f"▼ {-more:,} fewer" if more < 0 else "no change"


def _numbers(view: View, reader: Reader, before: Reader | None, to_read: Callable[[], None]) -> list[pn.viewable.Viewable]:
    given = view.filters
    clean, clean_before = _one(reader, CLEAN, given), _one(before, CLEAN, given)
    queries, queries_before = _one(reader, QUERIES, given), _one(before, QUERIES, given)
    if not queries.get("listed"):
        queries = queries_before = {}
    findings, findings_before = _one(reader, FINDINGS, given), _one(before, FINDINGS, given)
    checks, checks_before = _one(reader, CHECKS, given), _one(before, CHECKS, given)
    lines = reader.checklist() if reader.has("lock_checklist") else None
    definition = f"Subjects that meet every criterion of the study's clean list, version {clean.get('version')}; a criterion that was not run is not met."
    return [
        parts.number("Clean subjects", clean.get("n"), clean.get("of"), definition, "percent", change=_moved(clean, clean_before, "n"), href=view.link("subjects", clean="ready")),
        parts.number("Open queries", queries.get("open"), queries.get("of"), "Queries that the site must act on, of all but cancelled ones.", change=_moved(queries, queries_before, "open"), href=view.link("queries", status="open")),
        parts.number("Answered queries", queries.get("answered"), queries.get("of"), "Queries that the site has answered and that we must look at, of all but cancelled ones.", change=_moved(queries, queries_before, "answered"), href=view.link("queries", status="answered")),
        parts.number("Findings to read", findings.get("to_read"), findings.get("of"), "Findings that are new, changed or back, or whose review is outdated by a new value; of all that stand.", change=_moved(findings, findings_before, "to_read"), rows=to_read),
        parts.number("Checks not run", checks.get("n"), checks.get("of"), f"Checks that were not run or ended in an error ({checks.get('errors') or 0} errors), of all; not run is not clean.", change=_moved(checks, checks_before, "n"), href=view.link("runs", outcome="not run or error") if reader.may("see.runs") else ""),
        parts.number("Checklist lines done", None if lines is None else int(lines.status.isin(portfolio.DONE).sum()), None if lines is None else len(lines), "Lines of the lock checklist that are done, attested, waived or signed, of all lines.", href=view.link("readiness")),
    ]  # fmt: skip


def _trend(view: View, reader: Reader, show: Show) -> pn.viewable.Viewable:
    """Findings that stood at each of the last cut-off dates."""
    found = []
    for cutoff in sorted(c for c in reader.cutoffs() if c <= reader.as_of)[-WEEKS:]:
        there = reader if cutoff == reader.as_of else view.reader_of(reader.study_id, cutoff)
        found += [{"cut-off date": cutoff, "severity": row.severity, "findings": row.findings} for row in there.rows(BY_SEVERITY, view.filters).itertuples()]
    if not found:
        return parts.state("nothing", "No finding stands under these filters.")
    frame = pd.DataFrame(found).sort_values(["severity", "cut-off date"], key=lambda c: c.map(SEVERITY) if c.name == "severity" else c, kind="stable")
    last = frame[frame["cut-off date"] == reader.as_of]
    told = ", ".join(f"{row.findings} {row.severity}" for row in last.itertuples()) or "none"
    return parts.plot(figures.lines(frame, "cut-off date", "findings", "severity", title="Findings that stand, by severity"), f"On {reader.as_of}: {told}. A click on a mark shows its findings.", lambda row: show(lambda: _stood(view, reader, row["cut-off date"], row["severity"])))


def _stood(view: View, reader: Reader, cutoff: str, severity: str, status: str = "") -> pn.viewable.Viewable:
    """Findings of one severity that stood at a cut-off date; or those of one status, with those that went on that date."""
    there = reader if cutoff == reader.as_of else view.reader_of(reader.study_id, cutoff)
    detail, show_one = parts.detail()
    sql, given = (OF_STATUS if status else STOOD), view.filters | {"severity": severity, "status": status, "as_of": cutoff}
    table = parts.Table(
        there, sql, given, name="findings", key=["finding_id"], hide=["finding_id"], nothing="No finding matches.", widths={"message": 400, "flag": 100}, titles={"flag": "What is new", "review_status": "Review"},
        on_row=(lambda row: show_one(lambda: reviewing.finding(view, row["finding_id"]))) if there is reader else None,
    )  # fmt: skip
    said = f"Findings: {status}, {severity}, {cutoff}" if status else f"Findings that stood on {cutoff}: {severity}"
    return pn.Column(parts.heading(said), table, detail, sizing_mode="stretch_width")


def _funnel(view: View, reader: Reader, show: Show) -> pn.viewable.Viewable:
    """How many pages have taken each step to the lock."""
    rows = reader.rows(FUNNEL, view.filters | {"level": "site" if view.site else "study"})
    if rows.empty:
        return pn.Column(parts.heading("Lock funnel"), parts.state("not run", _why_no_funnel(reader)), sizing_mode="stretch_width")
    told = ", ".join(f"{row.step}: {row.numerator:,} of {row.denominator:,}" for row in rows.itertuples())

    def behind_step(step: str) -> None:
        show(lambda: behind.rows(view, reader, "PG08", f"Pages: {step}", view.site, step))

    step = parts.choice("Step", rows.step.tolist(), rows.step.iloc[0], width=140)
    button = pmui.Button(label="Show the rows", variant="text", size="small", margin=(14, 0), on_click=lambda _: behind_step(step.value))
    drawn = parts.plot(figures.bars(rows.rename(columns={"numerator": "pages"}), "step", "pages", title="Lock funnel: pages by step", across=True), f"{told}. {rows.definition.iloc[0]}", lambda row: behind_step(row["step"]))
    return pn.Column(drawn, pn.Row(step, button), sizing_mode="stretch_width")


def _why_no_funnel(reader: Reader) -> str:
    reason = reader.value("SELECT not_run FROM measure_runs WHERE metric = 'PG08'")
    return reason or "the study has no page listing, so nobody can say which pages are entered, verified, signed, frozen and locked."


def _findings(view: View, reader: Reader):
    """The findings, and what shows some of them."""
    show = parts.choice("Show", SHOWN, "to read")
    detail, show_one = parts.detail()
    table = parts.Table(
        reader, LIST, view.filters | {"show": show.value}, name="findings", sort=[("severity", False)], key=["finding_id"], hide=["finding_id", "review_comment", "check_id", "owner", "first_seen"],
        on_row=lambda row: show_one(lambda: reviewing.finding(view, row["finding_id"])), nothing="No finding matches.", titles={"flag": "What is new", "review_status": "Review"}, widths={"message": 400, "flag": 100, "form": 100, "visit": 95},
    )  # fmt: skip

    def chosen(kind: str) -> None:
        show.value = kind

    show.param.watch(lambda event: table.select(LIST, view.filters | {"show": event.new}), "value")
    return pn.Column(pn.Row(show, margin=(8, 0, 0, 0)), *[parts.markup('<p class="quiet">Choose a row to see the values that it was made on, and to review it.</p>')], table, detail, sizing_mode="stretch_width"), chosen


def _changes(view: View, reader: Reader) -> pn.viewable.Viewable:
    since = reader.value("SELECT min(from_snapshot) FROM changes")
    if since is None:
        return parts.state("nothing", "No value changed since the snapshot before, or this is the first one.")
    table = parts.Table(reader, CHANGES, view.filters, name="changes", sort=[("n", True)], key=["form", "field", "kind"], titles={"kind": "What happened"}, nothing="Nothing changed under these filters.")
    return pn.Column(parts.markup(f'<p class="quiet">Values that differ from those of snapshot {parts.text(since)}, by form and field. The history of a value is in the profile of its subject.</p>'), table, sizing_mode="stretch_width")


def _flow(view: View, reader: Reader, show: Show) -> pn.viewable.Viewable:
    rows = reader.rows(FLOW, view.filters)
    if rows.empty:
        return parts.state("nothing", "No finding under these filters.")
    order = {"new": 0, "reappeared": 1, "changed": 2, "open": 3, "resolved": 4, "deleted": 5}
    rows = rows.sort_values(["status", "severity"], key=lambda c: c.map(order if c.name == "status" else SEVERITY), kind="stable")
    told = ", ".join(f"{n} {status}" for status, n in rows.groupby("status", sort=False).findings.sum().items())
    return parts.plot(figures.bars(rows, "status", "findings", "severity", title="Findings of this cut-off date by what became of them"), f"{told}. A click on a part of a bar shows its findings.", lambda row: show(lambda: _stood(view, reader, reader.as_of, row["severity"], row["status"])))
