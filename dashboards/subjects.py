"""Subjects: which are clean and what keeps the others, and for one subject everything about it on one page."""

from __future__ import annotations

import asyncio
import io
import itertools
from collections.abc import Callable

import pandas as pd
import panel as pn

from cdmlib import figures, trace
from cdmlib.board import Reader, View, where

from . import parts, reviewing
from .later import later

TITLE = "Subjects"
SLUG = "subjects"
FILTERED = where("siteid", "subjid")
CLEAN = {"all": "", "clean": "ready", "not clean": "blocked", "not known": "not run"}
COUNTS = f"""
    SELECT count(*) AS subjects, count(CASE WHEN ready THEN 1 END) AS clean, count(CASE WHEN status = 'not run' THEN 1 END) AS not_known,
           count(CASE WHEN blockers = 1 THEN 1 END) AS nearly, CAST(coalesce(sum(blockers), 0) AS BIGINT) AS blockers
    FROM   readiness WHERE level = 'subject' AND criterion = 'all' AND {FILTERED} AND ($owner = '' OR owner LIKE '%' || $owner || '%')"""
BLOCKERS = """
    SELECT b.siteid, b.subjid, b.criterion, b.title, b.visit, b.form, b.what, b.owner FROM blockers AS b
    JOIN   readiness AS a ON a.level = 'subject' AND a.criterion = 'all' AND a.subjid = b.subjid
    JOIN   readiness AS r ON r.level = 'subject' AND r.criterion = b.criterion AND r.subjid = b.subjid AND r.status = 'blocked'
    WHERE  b.criterion IN (SELECT criterion FROM criteria WHERE clean) AND ($site = '' OR b.siteid = $site) AND ($subject = '' OR b.subjid = $subject)
      AND  ($owner = '' OR a.owner LIKE '%' || $owner || '%')"""
GRID = """
    SELECT siteid, subjid, max(CASE WHEN criterion = 'all' THEN CASE WHEN ready THEN 'clean' WHEN status = 'not run' THEN 'not known' ELSE 'not clean' END END) AS status,
           max(CASE WHEN criterion = 'all' THEN blockers END) AS blockers, max(CASE WHEN criterion = 'all' THEN owner END) AS owner{columns}
    FROM   readiness WHERE level = 'subject' AND {filtered}
    GROUP BY siteid, subjid
    HAVING ($clean = '' OR max(CASE WHEN criterion = 'all' THEN status END) = $clean)
       AND ($owner = '' OR max(CASE WHEN criterion = 'all' THEN owner END) LIKE '%' || $owner || '%')
       AND ($few = '' OR max(CASE WHEN criterion = 'all' THEN blockers END) = 1)"""
CELL = ", max(CASE WHEN criterion = '{0}' THEN CASE WHEN status = 'not run' THEN '?' WHEN status = 'waived' THEN 'waived' WHEN ready THEN '✓' ELSE CAST(blockers AS VARCHAR) END END) AS {0}"
EVENTS = {  # what stands in the timeline: lane, table, the columns that are needed, and the SELECT of start, end, label and what is told
    "Visits": ("visits", ("visit_date",), "SELECT visit_date AS start, NULL AS stop, visit AS label, visit || ': ' || visit_date AS told FROM visits"),
    "Doses": ("ex", ("exstdtc",), "SELECT exstdtc AS start, {exendtc} AS stop, coalesce({extrt}, 'dose') AS label, concat_ws(' ', {extrt}, {exdstxt}, {exdosu}, exstdtc, 'to', coalesce({exendtc}, 'not known')) AS told FROM ex"),
    "Adverse events": ("ae", ("aestdtc", "aeterm"), "SELECT aestdtc AS start, {aeendtc} AS stop, aeterm AS label, concat_ws(', ', aeterm, {aesev}, CASE WHEN upper({aeser}) IN ('Y', 'YES') THEN 'serious' END, aestdtc || ' to ' || coalesce({aeendtc}, 'not known')) AS told FROM ae"),
    "Medications": ("cm", ("cmstdtc", "cmtrt"), "SELECT cmstdtc AS start, {cmendtc} AS stop, cmtrt AS label, concat_ws(', ', cmtrt, {cmindc}, cmstdtc || ' to ' || coalesce({cmendtc}, 'not known')) AS told FROM cm"),
    "Queries": ("queries", ("opened_on",), "SELECT opened_on AS start, coalesce(closed_on, answered_on) AS stop, query_id AS label, concat_ws(', ', query_id, status, form, text) AS told FROM queries"),
    "Findings": ("findings", ("first_seen",), "SELECT first_seen AS start, NULL AS stop, check_id AS label, concat_ws(', ', check_id, status, title) AS told FROM findings"),
}  # fmt: skip
ORDER = "start, label, told"
LABS = """
    SELECT coalesce({name}, {code}) AS test, coalesce({unit}, '') AS unit, {day} AS day, {value} AS value, {low} AS low, {high} AS high
    FROM   {table} WHERE subjid = $subject AND {value} IS NOT NULL AND {day} IS NOT NULL ORDER BY test, unit, day, value"""
RESULTS = {  # tables of results: column by what it is used for, collected before standardised
    "Laboratory": ("lb", {"name": "lbtest", "code": "lbtestcd", "unit": "lbstresu lborresu", "day": "lbdtc", "value": "lbstresn lborresn", "low": "lbstnrlo lbornrlo", "high": "lbstnrhi lbornrhi"}),
    "Vital signs": ("vs", {"name": "vstest", "code": "vstestcd", "unit": "vsstresu vsorresu", "day": "vsdtc", "value": "vsstresn vsorresn", "low": "", "high": ""}),
}  # fmt: skip
HEADINGS = ".tabulator .tabulator-header .tabulator-col .tabulator-col-title { font-size: 11px !important; letter-spacing: -.02em; }"  # twelve criteria side by side
VALUES = "SELECT form, visit, record_key, field, value FROM items WHERE subjid = $subject"
HISTORY = """
    SELECT source, dataset, record_key, visit, form, field, value FROM items WHERE subjid = $subject
    ORDER BY source, dataset, record_key, field, visit, form, value"""


def page(view: View) -> pn.viewable.Viewable:
    """The tracker of all subjects under the filters of the view; the profile when one subject is chosen."""
    return parts.following(view, lambda: _profile(view) if view.subject else _tracker(view), "study", "cutoff", "site", "subject", "owner")


# All subjects


def _tracker(view: View) -> pn.viewable.Viewable:
    reader = view.reader
    given = view.filters
    criteria = reader.rows("SELECT criterion, title, definition, outcome, reason FROM criteria WHERE clean ORDER BY outcome = 'not run', criterion")
    counts = next(reader.rows(COUNTS, given).itertuples())
    clean = parts.in_address("clean", parts.choice("Subjects that are", CLEAN))
    sql = GRID.format(columns="".join(CELL.format(id_) for id_ in criteria.criterion), filtered=FILTERED)
    few = {"few": ""}
    table = parts.Table(
        reader, sql, given | {"clean": clean.value, **few}, name="subjects", sort=[("blockers", True)], key=["siteid", "subjid"], size=20,
        titles={"status": "Subject is", "owner": "Who must act"} | dict(zip(criteria.criterion, criteria.title, strict=True)),
        widths={c: 57 for c in criteria.criterion} | {"siteid": 44, "subjid": 74, "blockers": 60, "owner": 74, "status": 74}, on_cell=lambda row, column: cell(row, column),
        nothing="No subject matches.",
    )  # fmt: skip
    table.grid.stylesheets = [*table.grid.stylesheets, HEADINGS]
    table.paint(_shade, list(criteria.criterion))

    rows, (spot, go), (above, top) = pn.Column(sizing_mode="stretch_width", margin=0), parts.mark(), parts.mark()
    named = dict(zip(criteria.criterion, criteria.title, strict=True))

    def cell(row: dict, column: str) -> None:
        if column in named and row[column] not in ("", "✓"):
            rows.objects = [parts.guarded(lambda: _cell(view, str(row["subjid"]), column, named[column]))]
            go()
        elif column not in named:
            view.subject = str(row["subjid"])

    def show(chosen: str, nearly: bool = False) -> None:
        few["few"] = "yes" if nearly else ""
        if clean.value == chosen:
            listed()
        clean.value = chosen
        top()

    def blocking() -> None:
        rows.objects = [parts.heading("Things to clear on subjects"), parts.Table(reader, BLOCKERS, given, name="blockers", sort=[("siteid", False)], titles={"what": "What blocks"}, widths={"criterion": 70, "title": 150}, on_row=lambda row: setattr(view, "subject", str(row["subjid"])))]
        go()

    def listed(*_: object) -> None:
        table.select(sql, given | {"clean": clean.value, **few})

    clean.param.watch(listed, "value")
    version = reader.value("SELECT max(version) FROM criteria") or ""
    said = f"A subject is clean when it meets all of: {'; '.join(f'{c.title}' for c in criteria.itertuples())}. Version {version} of the study's list."
    not_run = criteria[criteria.outcome == "not run"]
    missing = "; ".join(f"{c.criterion} {c.title}: {c.reason}" for c in not_run.itertuples())
    return pn.Column(
        parts.heading(TITLE, f"{reader.title} · cut-off {reader.as_of}", level=1),
        parts.cards(
            parts.number("Clean subjects", counts.clean, counts.subjects, said, "percent", rows=lambda: show("ready")),
            parts.number("One thing to clear", counts.nearly, counts.subjects, "Subjects that a single blocker keeps from being clean.", "", counts.nearly, rows=lambda: show("", True)),
            parts.number("Not known", counts.not_known, counts.subjects, "Subjects without a blocker of which a criterion was not run, so that nobody can say that they are clean.", "", counts.not_known, rows=lambda: show("not run")),
            parts.number("Blockers", counts.blockers, None, "Things to clear on subjects, over all criteria of a clean subject.", "", counts.blockers, rows=blocking),
        ),
        above, parts.heading("Clean-subject tracker", "Each cell: ✓ met, a number of things to clear, ? not run, waived. A click on a number shows what blocks, a click on a subject opens it."),
        *([parts.folded(f"{len(not_run)} of {len(criteria)} criteria were not run: nobody can say yet that a subject is clean", missing)] if missing else []),
        clean, table, spot, rows, sizing_mode="stretch_width",
    )  # fmt: skip


def _cell(view: View, subject: str, criterion: str, title: str) -> pn.viewable.Viewable:
    """What one criterion holds against one subject, and waiving it."""
    reader = view.reader
    one = next(reader.rows("SELECT status FROM readiness WHERE level = 'subject' AND subjid = $subject AND criterion = $criterion", {"subject": subject, "criterion": criterion}).itertuples())
    reason = reader.value("SELECT reason FROM criteria WHERE criterion = $criterion", {"criterion": criterion})
    link = parts.markup(f'<a href="{parts.text(view.link("subjects", subject=subject))}">Subject {parts.text(subject)}: everything about it</a>')
    detail = pn.Column(parts.heading("Waiver"), reviewing.waiver(view, f"{criterion} {subject}", f"{criterion} for {subject}"), sizing_mode="stretch_width", margin=0)
    if one.status == "not run":
        return pn.Column(parts.heading(f"{subject}: {title}"), parts.state("not run", reason or "the results do not say why"), link, detail, sizing_mode="stretch_width")
    table = parts.Table(reader, "SELECT siteid, subjid, visit, form, what, owner FROM blockers WHERE subjid = $subject AND criterion = $criterion", {"subject": subject, "criterion": criterion}, name=f"{criterion}_{_slug(subject)}", hide=["siteid", "subjid"], titles={"what": "What blocks"}, nothing="Nothing blocks here.")  # fmt: skip
    return pn.Column(parts.heading(f"{subject}: {title}", "What keeps the subject from meeting it."), link, table, detail, sizing_mode="stretch_width")


def _shade(value: object) -> str:
    """A tint under the sign in a cell; the sign says the same without it."""
    tint = {"✓": "0, 158, 115, .16", "?": "140, 140, 140, .22", "waived": "86, 180, 233, .25", "": "0, 0, 0, 0"}
    return f"background-color: rgba({tint.get(str(value), '230, 159, 0, .35')}); text-align: center"


# One subject


def _profile(view: View) -> pn.viewable.Viewable:
    reader, subject = view.reader, view.subject
    given = {"subject": subject}
    found = reader.rows("SELECT * FROM subjects WHERE subjid = $subject ORDER BY siteid", given)
    back = parts.markup(f'<a href="{parts.text(view.link("subjects", subject=""))}">All subjects</a>')
    if found.empty:
        return pn.Column(back, parts.heading(TITLE, level=1), parts.state("nothing", f"There is no subject {subject} in these results."), sizing_mode="stretch_width")
    one = found.iloc[0]
    named = {"siteid": "Site", "status": "Status", "arm": "Arm", "sex": "Sex", "age": "Age", "consent_date": "Consent", "randomised_date": "Randomised",
             "first_dose": "First dose", "last_dose": "Last dose", "disposition": "Disposition", "disposition_date": "Disposition date", "death_date": "Death", "last_contact": "Last contact"}  # fmt: skip
    told = {title: f"{one[c]:g}" if isinstance(one[c], float) and pd.notna(one[c]) else one[c] for c, title in named.items() if c in found.columns and pd.notna(one[c])}
    return pn.Column(
        back,
        parts.heading(f"Subject {subject}", f"{reader.title} · cut-off {reader.as_of}", level=1),
        parts.side_by_side(pn.Column(parts.facts(told, wide=True)), pn.Column(parts.guarded(lambda: _stands(reader, given)))),
        later(lambda: _timeline(reader, given)),
        parts.tabs(
            ("To clear", lambda: parts.Table(reader, "SELECT b.criterion, b.title, b.visit, b.form, b.what, b.owner, CASE WHEN c.clean THEN 'yes' ELSE 'no' END AS to_be_clean FROM blockers AS b JOIN criteria AS c ON c.criterion = b.criterion WHERE b.subjid = $subject", given, name=f"to_clear_{_slug(subject)}", nothing="Nothing blocks this subject.", titles={"to_be_clean": "Needed to be clean"}, widths={"criterion": 80, "title": 190, "to_be_clean": 80})),
            ("Findings", lambda: _findings(view, reader, given)),
            ("Queries", lambda: parts.Table(reader, "SELECT query_id, visit, form, coalesce(fieldlabel, field) AS fieldlabel, status, action_owner, age_days, opened_on, text, response FROM queries WHERE subjid = $subject", given, name=f"queries_{_slug(subject)}", sort=[("opened_on", True)], nothing="No query on this subject.", widths={"query_id": 70})),
            *((name, lambda name=name: _results(reader, name, given)) for name, (table, _) in RESULTS.items() if reader.has(table)),
            ("Values", lambda: _values(view, reader, given)),
            ("History of values", lambda: _history(view, given)),
        ),
        sizing_mode="stretch_width",
    )  # fmt: skip


def _findings(view: View, reader: Reader, given: dict) -> pn.viewable.Viewable:
    """The subject's findings; a click on one shows the values that it was made on, and its review."""
    detail, show = parts.detail()
    table = parts.Table(reader, "SELECT check_id, severity, status, visit, form, message, review_status, review_comment, owner, first_seen, finding_id FROM findings WHERE subjid = $subject", given, name=f"findings_{_slug(str(given['subject']))}", sort=[("status", False)], hide=["finding_id"], nothing="No finding on this subject.", widths={"review_status": 90, "first_seen": 88}, on_row=lambda row: show(lambda: reviewing.finding(view, row["finding_id"])))  # fmt: skip
    return pn.Column(table, detail, sizing_mode="stretch_width")


def _slug(subject: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "_" for c in subject)


def _stands(reader: Reader, given: dict) -> pn.viewable.Viewable:
    rows = reader.rows("SELECT status, blockers, owner, ready FROM readiness WHERE level = 'subject' AND criterion = 'all' AND subjid = $subject ORDER BY siteid", given)
    if rows.empty:
        return parts.state("not run", "These results have no readiness of this subject.")
    one = rows.iloc[0]
    word = "Clean" if one.ready else "Not known" if one.status == "not run" else "Not clean"
    not_run = reader.rows("SELECT DISTINCT title FROM readiness WHERE level = 'subject' AND subjid = $subject AND status = 'not run' AND criterion IN (SELECT criterion FROM criteria WHERE clean) ORDER BY title", given)
    under = f"{one.blockers} to clear{f' by {one.owner}' if one.owner else ''}" + (f"; not run: {', '.join(not_run.title)}" if len(not_run) else "")
    return parts.heading(word, under)


def _timeline(reader: Reader, given: dict) -> pn.viewable.Viewable:
    """Everything with a date, a lane for each kind; what has no date that is known to the year is said to be left out."""
    there, frames, left_out = reader.columns(), [], 0
    for lane, (table, needed, sql) in EVENTS.items():
        if not set(needed) <= set(there.get(table, ())):
            continue
        names = ("exendtc", "extrt", "exdstxt", "exdosu", "aeendtc", "aesev", "aeser", "cmendtc", "cmindc")
        filled = sql.format(**{c: c if c in there[table] else "CAST(NULL AS VARCHAR)" for c in names})
        rows = reader.rows(f"SELECT start, stop, label, told FROM ({filled} WHERE subjid = $subject) ORDER BY {ORDER}", given)
        frames.append(rows.assign(lane=lane, start=rows.start.map(_first_day), end=rows.stop.map(_first_day)))
    rows = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["lane", "start", "end", "label", "told"])
    left_out = int(rows.start.isna().sum())
    rows = rows[rows.start.notna()]
    if rows.empty:
        return parts.state("nothing", "Nothing of this subject has a date.")
    shown = parts.choice("Show", {"since consent": "study", "everything": "all"}, "study")
    first = _first_day(reader.value("SELECT consent_date FROM subjects WHERE subjid = $subject ORDER BY siteid", given))
    under = "A date that is known in part stands at the first day that it can be." + (f" {left_out} without a date are not drawn." if left_out else "")
    place = pn.Column(sizing_mode="stretch_width", margin=0)

    def draw(*_: object) -> None:
        since = first if shown.value == "study" else None
        begun = rows[rows.end.fillna(rows.start) >= since] if since else rows
        before = f" {len(rows) - len(begun)} that were over before the consent are not drawn." if len(begun) < len(rows) else ""
        place.objects = [parts.plot(figures.timeline(begun, "What happened when", since=since or ""), under + before)]

    shown.param.watch(draw, "value")
    draw()
    return pn.Column(shown, place, sizing_mode="stretch_width", margin=0)


def _first_day(date: object) -> str | None:
    """The first day that an ISO date known in part can be; None when not even the year is known."""
    text = "" if pd.isna(date) else str(date)[:10]
    text += {4: "-01-01", 7: "-01"}.get(len(text), "")
    return text if pd.notna(pd.to_datetime(text, format="%Y-%m-%d", errors="coerce")) and len(text) == 10 else None


def _results(reader: Reader, kind: str, given: dict) -> pn.viewable.Viewable:
    """Each test over time against its range; those with a value outside it first."""
    table, used = RESULTS[kind]
    there = reader.columns()[table]
    columns = {use: _coalesced([c for c in names.split() if c in there], "DOUBLE" if use in ("value", "low", "high") else "VARCHAR") for use, names in used.items()}
    rows = reader.rows(LABS.format(table=table, **columns), given)
    rows = rows.assign(day=rows.day.map(_first_day)).dropna(subset=["day"])
    if rows.empty:
        return parts.state("nothing", "No result of this subject has a number and a date.")
    rows = rows.assign(outside=(rows.value < rows.low) | (rows.value > rows.high))
    tests = rows.groupby(["test", "unit"], sort=False).outside.sum().reset_index().sort_values(["outside", "test", "unit"], ascending=[False, True, True], kind="stable")
    options = {f"{t.test}{f' ({t.unit})' if t.unit else ''}{f': {t.outside} outside' if t.outside else ''}": (t.test, t.unit) for t in tests.itertuples()}
    chosen = parts.pmui.MultiChoice(label="Tests", options=options, value=list(options.values())[:4], sizing_mode="stretch_width")
    place = pn.Column(sizing_mode="stretch_width", margin=0)

    def draw(*_: object) -> None:
        drawn = [parts.plot(figures.ranges(rows[(rows.test == test) & (rows.unit == unit)], test, unit)) for test, unit in chosen.value]
        place.objects = [parts.side_by_side(*drawn)] if drawn else [parts.state("nothing", "Choose a test.")]

    chosen.param.watch(draw, "value")
    draw()
    return pn.Column(chosen, parts.markup('<p class="quiet">Shaded: the reference range. A diamond is outside it.</p>'), place, sizing_mode="stretch_width")


def _coalesced(columns: list[str], kind: str) -> str:
    return f"coalesce({', '.join(columns)})" if columns else f"CAST(NULL AS {kind})"


def _history(view: View, given: dict) -> pn.viewable.Viewable:
    """Each value that changed from one cut-off date to the next."""
    readers = [view.reader_of(view.reader.study_id, cutoff) for cutoff in sorted(view.reader.cutoffs()) if cutoff <= view.reader.as_of]
    if len(readers) < 2:
        return parts.state("nothing", "These are the first results; there is nothing to compare them with.")
    states = [(reader.as_of, reader.value("SELECT snapshot FROM runs"), reader.rows(HISTORY, given)) for reader in readers if reader.has("items")]
    rows = differences(states)
    if rows.empty:
        return parts.state("nothing", f"No value of this subject changed in the {len(states)} sets of results from {states[0][0]} to {states[-1][0]}.")
    show, place = _lives(view, str(given["subject"]))
    return pn.Column(
        parts.markup(f'<p class="quiet">From {parts.text(states[0][0])} to {parts.text(states[-1][0])}, {len(states)} sets of results. Type a field, a form or a value to follow it; a click on a changed value shows its whole life.</p>'),
        parts.held(view.reader, rows, f"history_{_slug(str(given['subject']))}", widths={"when": 88, "snapshot": 150}, on_row=lambda row: show(row["record_key"], row["field"]) if row["field"] else None),
        place, sizing_mode="stretch_width",
    )  # fmt: skip


def _values(view: View, reader: Reader, given: dict) -> pn.viewable.Viewable:
    """Every value of the subject; a click shows what became of it."""
    show, place = _lives(view, str(given["subject"]))
    table = parts.Table(
        reader, VALUES, given, name=f"values_{_slug(str(given['subject']))}", sort=[("form", False), ("visit", False), ("record_key", False)], key=["record_key", "field", "value"], nothing="This subject has no values.",
        on_row=lambda row: show(row["record_key"], row["field"]), widths={"field": 110, "record_key": 190},
    )  # fmt: skip
    return pn.Column(parts.markup('<p class="quiet">Every value of the standard tables. A click on a row shows its life: as received, what was found, asked and decided.</p>'), table, place, sizing_mode="stretch_width")


def _lives(view: View, subject: str) -> tuple[Callable[[str, str], None], pn.viewable.Viewable]:
    """What shows the life of a value, and the place where it shows it."""
    place, (spot, go) = pn.Column(sizing_mode="stretch_width", margin=0), parts.mark()

    def show(record: str, field: str) -> None:
        reader = view.reader

        async def follow() -> None:  # every snapshot is read: meanwhile the server goes on with what others ask
            found = await asyncio.to_thread(lambda: parts.guarded(lambda: _life(reader, subject, record, field)))
            place.objects = [found]
            go()

        place.objects = [parts.state("loading", "Following the value through every snapshot …")]
        pn.state.execute(follow)

    return show, pn.Column(spot, place, sizing_mode="stretch_width", margin=0)


def _life(reader: Reader, subject: str, record: str, field: str) -> pn.viewable.Viewable:
    """The life of one value: where it came from, snapshot by snapshot, and what was found, asked and decided."""
    life = reader.life(subject, record, field)
    told = {"Record": life.record, "Standard column": f"{life.table}.{life.field}: {life.label}", "Made from": ", ".join(life.made_from) or "nothing in the source alone", "Value in the published results": "(blank)" if life.value is None else life.value, "Run": life.run}  # fmt: skip
    shown = [parts.heading(f"The life of {life.table}.{life.field}", "As the published results and the journal have it."), parts.facts(told)]
    for name, title in trace.HEADINGS.items():
        rows = getattr(life, name)
        hidden = name == "decisions" and not reader.may("see.runs")
        shown.append(parts.heading(title, "" if rows else "Your role does not read the journal." if hidden else "None."))
        shown += [parts.markup(parts.table(rows), styles={"overflow-x": "auto"})] if rows else []
    if reader.may("export"):
        def page() -> io.BytesIO:
            reader.require("export")
            return io.BytesIO(trace.page(reader.life(subject, record, field)).encode("utf-8"))

        shown.append(parts.pmui.FileDownload(callback=page, filename=f"{reader.study_id}_{_slug(f'{subject}_{record}_{field}')}.html", label="Keep this life as a page", variant="outlined", size="small", margin=(8, 8)))
    return pn.Column(*shown, sizing_mode="stretch_width")


def differences(states: list[tuple[str, str, pd.DataFrame]]) -> pd.DataFrame:
    """What changed between sets of results, the newest first. Each: the cut-off date, the snapshot, and rows of items of one subject.

    Columns: when (the cut-off date at which the new value was first seen), form, visit, field, what (record added, record removed,
    value changed), old, new, record_key, snapshot. A record that comes or goes as a whole is one row.
    """
    place = ["source", "dataset", "record_key", "field"]
    found = []
    for (_, _, before), (as_of, snapshot, after) in itertools.pairwise(states):
        sides = [rows.assign(nth=rows.groupby(place, dropna=False).cumcount()) for rows in (before, after)]
        records = [set(zip(rows.source, rows.dataset, rows.record_key, strict=True)) for rows in sides]
        for what, rows, gone in (("record added", sides[1], records[1] - records[0]), ("record removed", sides[0], records[0] - records[1])):
            whole = rows[[key in gone for key in zip(rows.source, rows.dataset, rows.record_key, strict=True)]].drop_duplicates(["source", "dataset", "record_key"])
            found.append(whole.assign(field="", old="", new="", what=what, when=as_of, snapshot=snapshot))
        both = sides[0].merge(sides[1], on=[*place, "nth"], how="outer", suffixes=("_old", "_new"))
        stay = [key in records[0] & records[1] for key in zip(both.source, both.dataset, both.record_key, strict=True)]
        both = both[stay].fillna({"value_old": "", "value_new": ""})
        both = both[both.value_old != both.value_new]
        found.append(both.assign(old=both.value_old, new=both.value_new, visit=both.visit_new.fillna(both.visit_old), form=both.form_new.fillna(both.form_old), what="value changed", when=as_of, snapshot=snapshot))
    columns = ["when", "form", "visit", "field", "what", "old", "new", "record_key", "snapshot"]
    rows = pd.concat([part[columns] for part in found]) if found else pd.DataFrame(columns=columns)
    return rows.sort_values(["when", "form", "record_key", "field", "old", "new"], ascending=[False, *[True] * 5], kind="stable", ignore_index=True)
