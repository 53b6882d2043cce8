"""Every study of the person at a glance: how far it is from the lock, what waits, and how that moved since the cut-off before."""

from __future__ import annotations

import panel as pn

from cdmlib.board import NotThere, Reader, View
from cdmlib.errors import CdmError

from . import parts

TITLE = "Portfolio"
SLUG = "portfolio"
SUBJECTS = "SELECT count(*) AS n FROM subjects"
CLEAN = "SELECT count(CASE WHEN ready THEN 1 END) AS clean, count(*) AS subjects, max(version) AS version FROM readiness WHERE level = 'subject' AND criterion = 'all'"
QUERIES = """SELECT count(CASE WHEN status = 'open' THEN 1 END) AS open, count(CASE WHEN status = 'answered' THEN 1 END) AS answered,
                    max(CASE WHEN status IN ('open', 'answered') THEN age_days END) AS oldest, count(*) AS listed FROM queries"""
FORECAST = "SELECT early, likely, late, says FROM forecast WHERE part = 'checklist clear'"
DONE = ("done", "attested", "waived", "signed")
COLUMNS = {  # what each column means, and the page with its rows
    "Study": ("The study; the line under it is its title.", "overview"),
    "Stage": ("Where the study stands on its way to the lock, by the journal.", "readiness"),
    "Results of": ("Cut-off date of the published results.", "runs"),
    "Subjects": ("Subjects in the results.", "subjects"),
    "Clean subjects": ("Subjects that meet every criterion of the study's clean list, of all subjects; under it the change since the cut-off date before.", "subjects"),
    "Open queries": ("Queries that the site must act on; under it the change since the cut-off date before.", "queries"),
    "Answered": ("Queries that the site has answered and that we must look at; under it the change since the cut-off date before.", "queries"),
    "Oldest": ("Calendar days from opening to the cut-off date, of the oldest open or answered query.", "queries"),
    "Checklist": ("Lines of the lock checklist that are done, attested, waived or signed, of all lines.", "readiness"),
    "Checklist clear": ("Range of dates on which the checklist could be clear at the pace of the weeks seen: early to late.", "readiness"),
}
ROWS = {"Clean subjects": {"clean": "ready"}, "Open queries": {"status": "open"}, "Answered": {"status": "answered"}, "Oldest": {"status": "open answered"}}  # what the page shows first
STYLE = (
    parts.STYLE
    + """
table { border-collapse: collapse; width: 100%; font-size: .92rem } th, td { text-align: left; vertical-align: top; padding: .5rem .5rem; border-bottom: 1px solid var(--divider-color, #8884) }
th { font-weight: 600; border-bottom-width: 2px } th abbr { text-decoration: underline dotted; cursor: help } td.n, th.n { text-align: right } td a { text-decoration: none } td a:hover { text-decoration: underline }
td small { display: block; opacity: .92 } td:not(:first-child) > a { white-space: nowrap } .bar { display: block; height: 5px; min-width: 80px; border-radius: 3px; background: #8884; overflow: hidden; margin: 3px 0 } .bar i { display: block; height: 100%; background: #009E73 }
"""
)


def page(view: View) -> pn.viewable.Viewable:
    """The page of all studies that the person may see."""
    return parts.following(view, lambda: _page(view), "study", "cutoff")


def _page(view: View) -> pn.viewable.Viewable:
    studies = [study for study in view.studies if view.study in ("", study)]
    if not studies:
        return parts.state("nothing", f"{view.visitor.id} may not see any study here. A lead lists people in a study's study.toml.")
    head = "".join(f'<th scope="col"{_numeric(name)}><abbr title="{parts.text(told)}">{parts.text(name)}</abbr></th>' for name, (told, _) in COLUMNS.items())
    rows = "".join(_row(view, study) for study in studies)
    meant = "".join(f"<dt>{parts.text(name)}</dt><dd>{parts.text(told)}</dd>" for name, (told, _) in COLUMNS.items())
    count = "1 study" if len(studies) == 1 else f"{len(studies)} studies"
    return pn.Column(
        parts.heading(TITLE, f"{count} that you may see, each with the results of its newest run. Every number leads to its rows.", level=1),
        pn.pane.HTML(f'<div style="overflow-x: auto"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>', stylesheets=[STYLE], sizing_mode="stretch_width", margin=(6, 8)),
        parts.markup(f"<details><summary>What the columns mean</summary><dl>{meant}</dl></details>", margin=(4, 8)),
        sizing_mode="stretch_width",
    )


def _numeric(name: str) -> str:
    return ' class="n"' if name in ("Subjects", "Open queries", "Answered", "Oldest") else ""


def _row(view: View, study: str) -> str:
    try:
        reader = view.reader_of(study, view.cutoff if view.study else "")
        now, before = facts(reader), facts(reader.before())
    except CdmError as error:
        return f'<tr><td><b>{parts.text(study)}</b></td><td colspan="{len(COLUMNS) - 1}">{parts.text(error)}</td></tr>'
    cells = {
        "Study": f"<b>{parts.text(study)}</b><small>{parts.text(reader.title)}</small>",
        "Stage": parts.text(reader.stands().said),
        "Results of": f"{parts.text(reader.as_of)}<small>run {parts.text(reader.run)}</small>",
        "Subjects": _count(now["subjects"]),
        "Clean subjects": _share(now["clean"], now["of"]) + _change(now, before, "clean"),
        "Open queries": _count(now["open"]) + _change(now, before, "open"),
        "Answered": _count(now["answered"]) + _change(now, before, "answered"),
        "Oldest": f"{now['oldest']:.0f} days" if now["oldest"] is not None else _count(None),
        "Checklist": _share(now["lines"], now["of_lines"]),
        "Checklist clear": f'<span title="{parts.text(now["why"])}">{parts.text(now["forecast"])}</span>',
    }

    def cell(name: str, shown: str) -> str:
        page, own = COLUMNS[name][1], ROWS.get(name, {})
        other = own if view.study == study else {"site": "", "subject": "", "owner": ""} | own
        return f'<td{_numeric(name)}><a href="{parts.text(view.link(page, study=study, **other))}">{shown}</a></td>'

    return f"<tr>{''.join(cell(name, shown) for name, shown in cells.items())}</tr>"


def facts(reader: Reader | None) -> dict:
    """The numbers of a study's line, None where the results can't say: subjects, clean of, open, answered, oldest (days), lines of_lines, forecast."""
    found = dict.fromkeys(("subjects", "clean", "of", "open", "answered", "oldest", "lines", "of_lines")) | {"forecast": "not forecast", "why": "these results have no forecast"}
    if reader is None:
        return found
    if row := _asked(reader, SUBJECTS):
        found["subjects"] = int(row["n"])
    if (row := _asked(reader, CLEAN)) and row["subjects"]:
        found |= {"clean": int(row["clean"]), "of": int(row["subjects"])}
    if (row := _asked(reader, QUERIES)) and row["listed"]:
        found |= {"open": int(row["open"]), "answered": int(row["answered"]), "oldest": None if row["oldest"] != row["oldest"] else row["oldest"]}
    if reader.has("lock_checklist"):
        lines = reader.checklist()
        found |= {"lines": int(lines.status.isin(DONE).sum()), "of_lines": len(lines)}
    if row := _asked(reader, FORECAST):
        ends = [row["early"] or "no early date", row["late"] or "no late date"]
        found["why"] = row["says"] or ""
        found["forecast"] = " to ".join(ends) if row["early"] else (row["says"] or "not forecast").split(":")[0].split(". ")[0]
    return found


def _asked(reader: Reader, sql: str) -> dict:
    try:
        rows = reader.rows(sql)
    except NotThere:
        return {}
    return {name: None if value != value else value for name, value in rows.iloc[0].to_dict().items()} if len(rows) else {}


def _count(n: int | None) -> str:
    return "not known" if n is None else f"{n:,}"


def _share(n: int | None, of: int | None) -> str:
    if n is None or not of:
        return "not known"
    return f'{n:,} of {of:,} ({100 * n / of:.1f} %)<span class="bar" aria-hidden="true"><i style="width:{100 * n / of:.0f}%"></i></span>'


def _change(now: dict, before: dict, name: str) -> str:
    if now[name] is None or before[name] is None:
        return ""
    more = now[name] - before[name]
    said = f"▲ {more:,} more" if more > 0 else f"▼ {-more:,} fewer" if more < 0 else "no change"
    return f"<small>{said}</small>"
