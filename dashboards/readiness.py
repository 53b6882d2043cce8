"""What stands between a study and its lock: the checklist, what is left over the weeks, and which site holds what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pandas as pd
import panel as pn
import panel_material_ui as pmui

from cdmlib import figures
from cdmlib.board import Reader, View, where
from cdmlib.forecast import APART, ASSUMPTIONS

from . import parts, portfolio, reviewing
from .later import later

TITLE = "Lock readiness"
SLUG = "readiness"
WEEKS = 12  # cut-off dates of the burn-down
FILTERED = where("siteid", "subjid", "owner")
COUNTED = f"criterion NOT IN ({', '.join(repr(c) for c in APART)})"
LAST = "Visits to come, checks that are not run, freezing and locking are not counted here; the criteria show them."
SUBJECTS = f"""SELECT count(CASE WHEN ready THEN 1 END) AS clean, count(CASE WHEN status = 'not run' THEN 1 END) AS unknown, count(*) AS of, max(version) AS version
               FROM readiness WHERE level = 'subject' AND criterion = 'all' AND {where("siteid", "subjid")}"""
WAIVED = "EXISTS (SELECT 1 FROM readiness AS r WHERE r.level = 'subject' AND r.subjid = b.subjid AND r.criterion = b.criterion AND r.status = 'waived')"
LEFT = f"SELECT count(*) FROM blockers AS b WHERE {FILTERED} AND {COUNTED} AND NOT {WAIVED}"
BLOCKERS = f"""SELECT criterion, title, siteid, subjid, visit, form, what, owner, record_key FROM blockers AS b
               WHERE {FILTERED} AND ($criterion = '' OR list_contains(string_split($criterion, ' '), criterion)) AND ($at = '' OR coalesce(siteid, '(none)') = $at)
                 AND ($criterion <> '' OR {COUNTED}) AND ($left = '' OR NOT {WAIVED})"""
GRID = f"""SELECT coalesce(b.siteid, '(none)') AS site, b.criterion, count(*) AS blockers FROM blockers AS b
          WHERE ($owner = '' OR b.owner = $owner) AND ($site = '' OR b.siteid = $site) AND {COUNTED} GROUP BY 1, 2"""
CRITERIA = f"""SELECT c.criterion, c.title, CASE WHEN c.clean THEN 'yes' ELSE '' END AS clean, c.outcome, count(b.criterion) AS blockers, count(DISTINCT b.subjid) AS subjects,
                      c.lines AS checklist_lines, c.definition, c.reason
               FROM criteria AS c LEFT JOIN (SELECT * FROM blockers WHERE {FILTERED}) AS b USING (criterion) GROUP BY ALL"""
CRITERIA = CRITERIA.replace("GROUP BY ALL", "GROUP BY c.criterion, c.title, c.clean, c.outcome, c.lines, c.definition, c.reason")
OWNERS = f"SELECT owner, count(*) AS blockers FROM blockers WHERE {FILTERED} AND {COUNTED} GROUP BY owner ORDER BY blockers DESC, owner"
FORECAST = """SELECT part, early, likely, late, says FROM forecast WHERE part = 'checklist clear' OR part LIKE 'all but %' AND early IS NOT NULL
              ORDER BY early IS NULL, part DESC LIMIT 1"""
PARTS = "SELECT part, backlog, slowest, usual, quickest, early, likely, late, says FROM forecast"
MARKS = {"done": "✔ done", "attested": "✔ attested", "signed": "✔ signed", "waived": "◇ waived", "open": "✖ open", "not run": "? not run"}
STYLE = (
    parts.STYLE
    + """
table { border-collapse: collapse; width: 100%; font-size: .88rem } th, td { text-align: left; vertical-align: top; padding: .32rem .6rem; border-bottom: 1px solid var(--divider-color, #8884) }
th { border-bottom-width: 2px; font-weight: 600 } td.n { text-align: right } td.s { white-space: nowrap; font-weight: 600; border-left: 5px solid #8888 }
td.done, td.attested, td.signed { border-left-color: #009E73 } td.waived { border-left-color: #56B4E9 } td.open { border-left-color: #D55E00 } td.s.not { border-left-color: #CC79A7 } tr.chosen td { background: #4c8fd622 }
"""
)


def page(view: View) -> pn.viewable.Viewable:
    """The page of what stands between the study and its lock."""
    return parts.following(view, lambda: _page(view), "study", "cutoff", "site", "subject", "owner")


def _page(view: View) -> pn.viewable.Viewable:
    reader = view.reader
    lines = reader.checklist()
    rows = _Rows(view, reader)
    numbers = pn.Column(parts.cards(*_numbers(view, reader, lines, rows)), sizing_mode="stretch_width", margin=0)

    def entered(lines: pd.DataFrame) -> None:
        numbers.objects = [parts.cards(*_numbers(view, reader, lines, rows))]

    said = f"The study is {reader.stands().said}. Results of {reader.as_of}" + (", with what people attested and waived up to now." if not view.cutoff else ", as they were published then.")
    return pn.Column(
        parts.heading(TITLE, said, level=1),
        numbers,
        parts.side_by_side(later(lambda: _burn_down(view, reader, rows)), later(lambda: _owners(view, reader, rows))),
        parts.tabs(
            ("Checklist", lambda: _checklist(view, lines, rows, entered)),
            ("Sites and criteria", lambda: _grid(view, reader, rows)),
            ("Criteria", lambda: _criteria(view, reader, rows)),
            ("Forecast", lambda: parts.Table(reader, PARTS, {}, name="forecast", sort=[("part", False)], key=["part"], widths={"part": 170, "early": 90, "likely": 90, "late": 90})),
        ),
        rows.place,
        sizing_mode="stretch_width",
    )


class _Rows:
    """The blocking rows of what was chosen last on the page."""

    def __init__(self, view: View, reader: Reader) -> None:
        self.view, self.reader = view, reader
        self.rows = pn.Column(sizing_mode="stretch_width", margin=0)
        spot, self.go = parts.mark()
        self.place = pn.Column(spot, self.rows, sizing_mode="stretch_width", margin=0)

    def show(self, title: str, criterion: str = "", site: str = "", owner: str = "", cutoff: str = "", left: bool = False) -> None:
        """Show the rows that block: of criteria (ids with spaces between), a site, an owner; of an earlier cut-off date; `left`: without waived ones."""
        given = self.view.filters | {"criterion": criterion, "at": site, "left": "yes" if left else ""} | ({"owner": owner} if owner else {})

        def build() -> pn.viewable.Viewable:
            reader = self.view.reader_of(self.reader.study_id, cutoff) if cutoff not in ("", self.reader.as_of) else self.reader
            detail, show_one = parts.detail()
            table = parts.Table(
                reader, BLOCKERS, given, name="blockers", key=["criterion", "siteid", "subjid", "visit", "form", "record_key", "what"], hide=["record_key", *(["criterion", "title"] if criterion and " " not in criterion else [])],
                nothing="Nothing blocks here.", widths={"owner": 90, "criterion": 76, "title": 150}, titles={"what": "What blocks"}, on_row=lambda row: show_one(lambda: blocker(self.view, row)),
            )  # fmt: skip
            return pn.Column(parts.heading(title, "A click on a row shows what it means, leads to the subject, and to waiving it."), table, detail, sizing_mode="stretch_width")

        self.rows.objects = [parts.guarded(build)]
        self.go()

    def lines(self, title: str, lines: pd.DataFrame) -> None:
        """Show some lines of the checklist."""
        table = parts.held(self.reader, lines[["line", "title", "status", "owner", "evidence"]], "checklist", nothing="No line.", widths={"line": 50, "status": 80, "owner": 150, "title": 300}, titles={"title": "What must be so"})
        self.rows.objects = [pn.Column(parts.heading(title), table, sizing_mode="stretch_width")]
        self.go()


def blocker(view: View, row: dict) -> pn.viewable.Viewable:
    """One thing that blocks, what its criterion means, the way to its subject, and waiving the criterion for the subject. row: as in blockers."""
    reader, subject = view.reader, row.get("subjid") or ""
    means = reader.rows("SELECT definition, lines FROM criteria WHERE criterion = $criterion", {"criterion": row["criterion"]})
    told = {
        "Criterion": f"{row['criterion']} {row['title']}", "Means": means.definition.iloc[0] if len(means) else "", "Checklist lines": means.lines.iloc[0] if len(means) else "",
        "On": ", ".join(str(row[c]) for c in ("siteid", "subjid", "visit", "form") if row.get(c)), "What blocks": row["what"], "Who must act": row["owner"],
    }  # fmt: skip
    link = f'<a href="{parts.text(view.link("subjects", study=reader.study_id, subject=subject))}">Subject {parts.text(subject)}: everything about it</a>'
    waiving = reviewing.waiver(view, f"{row['criterion']} {subject}", f"{row['criterion']} for {subject}") if subject else parts.markup('<p class="quiet">It is on no subject: waive the line of the checklist.</p>')
    return parts.side_by_side(
        pn.Column(parts.facts(told), *([parts.markup(link)] if subject else []), sizing_mode="stretch_width"),
        pn.Column(parts.heading("Waiver", "A waived criterion no longer keeps this subject from being clean until the date given."), waiving, sizing_mode="stretch_width"),
    )


def _numbers(view: View, reader: Reader, lines: pd.DataFrame, rows: _Rows) -> list[pn.viewable.Viewable]:
    given = view.filters
    subjects = reader.rows(SUBJECTS, given).iloc[0]
    left, before = int(reader.value(LEFT, given)), reader.before()
    moved = ""
    if before and before.has("blockers"):
        more = left - int(before.value(LEFT, given))
        moved = f"{abs(more):,} {'more' if more > 0 else 'fewer'} than {before.as_of}" if more else f"as on {before.as_of}"
    not_run = lines[lines.status.eq("not run")]
    definition = f"Subjects that meet every criterion of the study's clean list, version {subjects.version}. Of {int(subjects.unknown)} it is not known, because a criterion was not run and nothing else blocks them."
    shown = [
        parts.number("Checklist lines done", int(lines.status.isin(portfolio.DONE).sum()), len(lines), "Lines that are done, attested, waived or signed, of all lines of the lock checklist.", rows=lambda: rows.lines("Lines that are done", lines[lines.status.isin(portfolio.DONE)])),
        parts.number("Lines not run", len(not_run), len(lines), "Lines that nobody can judge: a criterion behind them was not run. Not run is not done.", rows=lambda: rows.lines("Lines that are not run", not_run)),
        parts.number("Clean subjects", subjects.clean, subjects.of, definition, "percent", href=view.link("subjects", clean="ready")),
        parts.number("Left to clear", left, definition=f"Rows that block, without those that are waived for their subject. {LAST}", change=moved, rows=lambda: rows.show("All that is left to clear", left=True)),
    ]
    if one := _forecast(reader):
        range_ = f"{one['early']} to {one['late'] or 'no latest date'}" if one["early"] else "not forecast"
        likely = f"likely {one['likely']}" if one["likely"] else ""
        shown.append(parts.markup(f'<div class="card" title="{parts.text(one["says"])}"><div class="name">{parts.text(one["part"].capitalize())}</div><div style="font-weight:600;font-size:1.05rem;line-height:1.6">{parts.text(range_)}</div><div class="of">{parts.text(likely)}</div><details><summary>Assumptions</summary>{parts.text(" ".join([one["says"], *ASSUMPTIONS]))}</details></div>', width=212, sizing_mode=None, margin=4))  # fmt: skip
    return shown


def _burn_down(view: View, reader: Reader, rows: _Rows) -> pn.viewable.Viewable:
    """What was left at each of the last cut-off dates, and the forecast from there."""
    known = []
    for cutoff in sorted(c for c in reader.cutoffs() if c <= reader.as_of)[-WEEKS:]:
        there = reader if cutoff == reader.as_of else view.reader_of(reader.study_id, cutoff)
        if there.has("blockers"):
            known.append({"day": cutoff, "left": float(there.value(LEFT, view.filters)), "low": None, "high": None})
    frame = pd.DataFrame(known, columns=["day", "left", "low", "high"])
    said = "; ".join(f"{row.day}: {row.left:,.0f}" for row in frame.tail(4).itertuples())
    whole = not (view.site or view.subject or view.owner)
    told = _forecast(reader)
    if not told:
        said += ". No forecast: not run in these results."
    elif not told["early"]:
        said += f". {told['says'].split('. ')[0]}."
    elif not whole:
        said += ". The forecast is for the whole study, without filters."
    else:
        frame = pd.concat([frame, _band(reader.as_of, frame.left.iloc[-1], told)], ignore_index=True)
        said += f". {told['part'].capitalize()} between {told['early']} and {told['late'] or 'no known date'}; attestations, freezing and signatures come after."
    return parts.plot(figures.burn_down(frame.astype({"left": float, "low": float, "high": float}), title="Left to clear"), said, lambda row: rows.show(f"What was left to clear on {row['day']}", cutoff=row["day"], left=True))


def _forecast(reader: Reader) -> dict:
    """The range of dates as part, early, likely, late and says, empty texts where there is none; nothing when there is no forecast."""
    rows = reader.rows(FORECAST) if reader.has("forecast") else pd.DataFrame()
    return {name: value if isinstance(value, str) else "" for name, value in rows.iloc[0].to_dict().items()} if len(rows) else {}


def _band(as_of: str, left: float, told: dict) -> pd.DataFrame:
    """The band between the early and the late way to nothing left; where there is no late date, the late way stays level."""
    start, early = date.fromisoformat(as_of), date.fromisoformat(told["early"])
    late = date.fromisoformat(told["late"]) if told["late"] else None
    days = sorted({start, early, late or early})

    def at(day: date, end: date | None) -> float:
        return left if end is None else left * max(0.0, (end - day).days / max((end - start).days, 1))

    return pd.DataFrame([{"day": day.isoformat(), "left": None, "low": at(day, early), "high": at(day, late)} for day in days])


def _owners(view: View, reader: Reader, rows: _Rows) -> pn.viewable.Viewable:
    owners = reader.rows(OWNERS, view.filters)
    if owners.empty:
        return parts.state("nothing", "Nothing blocks under these filters.")

    def of(owner: str) -> None:
        rows.show(f"What blocks, for {owner}", owner=owner)

    buttons = [pmui.Button(label=f"{owner}: {n:,}", variant="outlined", size="small", margin=3, on_click=lambda _, o=owner: of(o)) for owner, n in owners.itertuples(index=False)]
    return pn.Column(parts.plot(figures.bars(owners, "owner", "blockers", title="Left to clear, by who must act", across=True), on_tap=lambda row: of(row["owner"])), pn.FlexBox(*buttons, sizing_mode="stretch_width"), sizing_mode="stretch_width")


def _checklist(view: View, lines: pd.DataFrame, rows: _Rows, entered: Callable[[pd.DataFrame], None]) -> pn.viewable.Viewable:
    """The checklist line by line, the blocking rows of a line, and attesting or waiving it; `entered` is told how the lines stand after that."""
    table = pn.pane.HTML(_lines(lines), stylesheets=[STYLE], sizing_mode="stretch_width", margin=(4, 8))

    def again() -> None:
        now = view.reader.checklist()
        table.object = _lines(now)
        entered(now)

    return pn.Column(_line_tools(view, lines, rows, again), table, sizing_mode="stretch_width")


def _lines(lines: pd.DataFrame) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in ("Line", "What must be so", "Status", "Subjects without", "Blockers", "Owner", "Evidence"))
    body = "".join(
        f'<tr><td class="n">{row.line}</td><td>{parts.text(row.title)}</td><td class="s {parts.text(row.status)}">{parts.text(MARKS.get(row.status, row.status))}</td>'
        f'<td class="n">{f"{row.numerator:,} of {row.denominator:,}" if row.kind == "computed" and row.status != "not run" else "—"}</td><td class="n">{f"{row.blockers:,}" if row.kind == "computed" and row.status != "not run" else "—"}</td>'
        f"<td>{parts.text(row.owner)}</td><td>{parts.text(row.evidence)}</td></tr>"
        for row in lines.itertuples()
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _line_tools(view: View, lines: pd.DataFrame, rows: _Rows, again: Callable[[], None]) -> pn.viewable.Viewable:
    reader = view.reader
    options = {f"{row.line}  {row.title}": row.line for row in lines.itertuples()}
    line = pmui.Select(label="Line", options=options, value=int(lines.line.iloc[0]), size="small", width=420, margin=(6, 8))
    show = pmui.Button(label="Show what blocks it", variant="outlined", size="small", margin=(14, 8))
    entering = pn.Column(sizing_mode="stretch_width", margin=0)
    kinds = {row.line: row.kind for row in lines.itertuples()}

    def shown(*_: object) -> None:
        show.disabled = kinds[line.value] != "computed"
        offered = [parts.guarded(lambda: reviewing.attestation(view, line.value, again))] if kinds[line.value] == "attested" else []
        if kinds[line.value] != "signed":
            offered.append(parts.guarded(lambda: reviewing.waiver(view, f"line {line.value}", f"line {line.value}", again)))
        entering.objects = offered or [parts.markup('<p class="quiet">The sign-off is given with <code>cdm lock sign</code>, each person with their own password.</p>')]

    def blocking(_: object) -> None:
        criteria = reader.rows("SELECT criterion FROM criteria WHERE list_contains(string_split(lines, ' '), $n) ORDER BY criterion", {"n": str(line.value)})
        rows.show(f"What blocks line {line.value}", " ".join(criteria.criterion) or "none")

    line.param.watch(shown, "value")
    show.on_click(blocking)
    shown()
    return pn.Column(pn.FlexBox(line, show, sizing_mode="stretch_width", margin=(8, 0, 0, 0)), entering, sizing_mode="stretch_width")


def _grid(view: View, reader: Reader, rows: _Rows) -> pn.viewable.Viewable:
    """Sites against criteria, with how much blocks; a choice shows the rows."""
    found = reader.rows(GRID, view.filters)
    if found.empty:
        return parts.state("nothing", "Nothing blocks under these filters.")
    named = dict(reader.rows("SELECT criterion, title FROM criteria ORDER BY criterion").itertuples(index=False))
    sites, criteria = sorted(found.site.unique()), sorted(found.criterion.unique())
    whole = found.set_index(["site", "criterion"]).blockers.reindex(pd.MultiIndex.from_product([sites, criteria], names=["site", "criterion"]), fill_value=0).reset_index()
    site = parts.choice("Site", {"all sites": "", **{s: s for s in sites}})
    criterion = parts.choice("Criterion", {"all": "", **{f"{c} {named[c]}": c for c in criteria}}, width=380)
    button = pmui.Button(label="Show the rows", variant="outlined", size="small", margin=(14, 8))

    def show(criterion: str, site: str) -> None:
        rows.show(f"What blocks{f' at site {site}' if site else ''}{f': {named[criterion]}' if criterion else ''}", criterion, site)

    button.on_click(lambda _: show(criterion.value, site.value))
    key = "; ".join(f"{c} {named[c]}" for c in criteria) + f". {LAST}"
    return pn.Column(parts.plot(figures.heat_map(whole, "criterion", "site", "blockers", title="Blocking rows by site and criterion"), key, lambda row: show(row["criterion"], row["site"])), pn.FlexBox(site, criterion, button, margin=(8, 0, 0, 0)), sizing_mode="stretch_width")


def _criteria(view: View, reader: Reader, rows: _Rows) -> pn.viewable.Viewable:
    return parts.Table(
        reader, CRITERIA, view.filters, name="criteria", key=["criterion"], size=30, titles={"clean": "Of a clean subject", "checklist_lines": "Checklist lines", "reason": "Why not run"},
        widths={"definition": 330, "title": 170, "reason": 170}, on_row=lambda row: rows.show(f"{row['criterion']} {row['title']}", row["criterion"]),
    )  # fmt: skip
