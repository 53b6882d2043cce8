"""Outstanding queries: how many, how old, whose they are, and the list of them."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import panel as pn

from cdmlib import figures, measures
from cdmlib.board import Reader, View, where

from . import parts, reviewing
from .later import later

TITLE = "Outstanding queries"
SLUG = "queries"
BY = {"Site": "siteid", "Form": "form", "Who must act": "action_owner", "Marking group": "marking_group", "Field": "fieldlabel", "Subject": "subjid"}
AGES = ("0-7", "8-14", "15-21", "22-28", ">28", "not known")
STATUSES = {"open and answered": "open answered", "open": "open", "answered": "answered", "overdue": "overdue", "closed": "closed", "all but cancelled": "alive", "cancelled": "cancelled", "with a response": "responded", "all": ""}
WEEK_ENDS = "SELECT iso_plus($as_of, -7 * number) AS week FROM range(12) AS r(number) ORDER BY number"
MOST = 15  # bars of one figure
FILTERED = where("siteid", "subjid", "action_owner")
COUNTS = f"""
    SELECT count(CASE WHEN status = 'open' THEN 1 END) AS opened, count(CASE WHEN status = 'answered' THEN 1 END) AS answered,
           count(CASE WHEN status <> 'cancelled' THEN 1 END) AS alive,
           count(CASE WHEN status IN ('open', 'answered') THEN 1 END) AS waiting,
           count(CASE WHEN status IN ('open', 'answered') AND waiting_days > $days THEN 1 END) AS overdue,
           max(CASE WHEN status IN ('open', 'answered') THEN age_days END) AS oldest,
           count(CASE WHEN status <> 'cancelled' THEN response_days END) AS responded,
           median(CASE WHEN status <> 'cancelled' THEN response_days END) AS response_time,
           count(CASE WHEN iso_days(opened_on, $as_of) BETWEEN 0 AND 6 THEN 1 END) AS opened_last,
           count(CASE WHEN iso_days(closed_on, $as_of) BETWEEN 0 AND 6 THEN 1 END) AS closed_last, count(*) AS every_one
    FROM   queries WHERE {FILTERED}"""
BY_AGE = f"""
    SELECT age_bucket AS age, status, count(*) AS queries FROM queries
    WHERE  status IN ('open', 'answered') AND {FILTERED} GROUP BY age_bucket, status ORDER BY age_bucket, status DESC"""
PER_WEEK = f"""
    WITH weeks AS (SELECT number, iso_plus($as_of, -7 * number) AS week FROM range(12) AS r(number)),
    days AS (SELECT 'opened' AS what, opened_on AS day, count(*) AS queries FROM queries WHERE {FILTERED} GROUP BY opened_on
             UNION ALL SELECT 'closed', closed_on, count(*) FROM queries WHERE {FILTERED} GROUP BY closed_on),
    counted AS (SELECT what, CAST(floor(iso_days(day, $as_of) / 7.0) AS INTEGER) AS number, sum(queries) AS queries FROM days GROUP BY 1, 2)
    SELECT w.week, k.what, CAST(coalesce(c.queries, 0) AS BIGINT) AS queries
    FROM   weeks AS w CROSS JOIN (SELECT 'opened' AS what UNION ALL SELECT 'closed') AS k LEFT JOIN counted AS c ON c.number = w.number AND c.what = k.what
    ORDER BY k.what DESC, w.week"""
GROUPS = """
    SELECT coalesce(nullif(trim({column}), ''), '(none)') AS name, status, count(*) AS queries,
           sum(count(*)) OVER (PARTITION BY coalesce(nullif(trim({column}), ''), '(none)')) AS in_all
    FROM   queries WHERE status IN ('open', 'answered') AND {filtered}
    GROUP BY 1, status ORDER BY in_all DESC, name, status DESC"""
TIMES = """
    SELECT coalesce(nullif(trim({column}), ''), '(none)') AS name, count(*) AS queries, count(CASE WHEN status = 'open' THEN 1 END) AS open,
           count(CASE WHEN status = 'answered' THEN 1 END) AS answered, count(CASE WHEN status IN ('open', 'answered') AND waiting_days > $days THEN 1 END) AS overdue,
           median(CASE WHEN status <> 'cancelled' THEN response_days END) AS "days to answer",
           median(CASE WHEN status = 'closed' THEN closing_days END) AS "days to close"
    FROM   queries WHERE {filtered} GROUP BY 1"""
LIST = f"""
    SELECT query_id, siteid, subjid, visit, form, coalesce(fieldlabel, field) AS fieldlabel, status, action_owner, marking_group, age_days, waiting_days, opened_on,
           text, response, n.comment, data_key
    FROM   queries LEFT JOIN (SELECT unnest(CAST($noted AS VARCHAR[])) AS query_id, unnest(CAST($notes AS VARCHAR[])) AS comment) AS n USING (query_id)
    WHERE  {FILTERED} AND ($age = '' OR age_bucket = $age) AND ($group = '' OR coalesce(nullif(trim({{column}}), ''), '(none)') = $group)
      AND  CASE $status WHEN '' THEN true WHEN 'open answered' THEN status IN ('open', 'answered')
               WHEN 'overdue' THEN status IN ('open', 'answered') AND waiting_days > $days WHEN 'responded' THEN status <> 'cancelled' AND response_days IS NOT NULL
               WHEN 'alive' THEN status <> 'cancelled' ELSE status = $status END
      AND  ($opened = '' OR iso_days(opened_on, $opened) BETWEEN 0 AND 6) AND ($closed = '' OR iso_days(closed_on, $closed) BETWEEN 0 AND 6)"""


def page(view: View) -> pn.viewable.Viewable:
    """The page of outstanding queries under the filters of the view."""
    return parts.following(view, lambda: _page(view), "study", "cutoff", "site", "subject", "owner")


def _page(view: View) -> pn.viewable.Viewable:
    reader = view.reader
    given = view.filters | {"days": _overdue_days(reader)} | _notes(reader)
    counts = next(reader.rows(COUNTS, given).itertuples())
    if not counts.every_one:
        nothing = "This study gives no query listing." if not reader.value("SELECT count(*) FROM queries") else "No query matches the filters."
        return pn.Column(parts.heading(TITLE, level=1), parts.state("nothing", nothing), sizing_mode="stretch_width")
    said = dict(reader.rows("SELECT metric, definition FROM measure_runs").itertuples(index=False)) if reader.has("measure_runs") else {}
    by, status, age, group = parts.choice("Broken down by", BY, "siteid"), parts.in_address("status", parts.choice("Status", STATUSES, "open answered")), parts.choice("Age in days", {"any": "", **{a: a for a in AGES}}), parts.choice("Of", {"all": ""})
    weeks = [row.week for row in reader.rows(WEEK_ENDS, given).itertuples()]
    week = parts.choice("Opened or closed", {"any week": ""} | {f"{what} in the week to {day}": f"{what} {day}" for day in weeks for what in ("opened", "closed")}, width=240)
    detail, show_one = parts.detail()
    spot, go = parts.mark()
    quiet: list[bool] = []

    def narrowed() -> dict:
        what, _, day = week.value.partition(" ")
        return given | {"age": age.value, "group": group.value, "status": status.value, "opened": day if what == "opened" else "", "closed": day if what == "closed" else ""}

    def hidden() -> list[str]:
        return ["data_key", "marking_group", "response", "opened_on", *([] if given["noted"] else ["comment"])]

    def commented() -> None:
        given.update(_notes(reader))
        table.grid.hidden_columns = hidden()
        listed()

    def listed(*_: object) -> None:
        if not quiet:
            table.select(LIST.format(column=by.value), narrowed())

    def show(chosen: str, aged: str = "", of: str = "", weekly: str = "") -> None:
        quiet.append(True)
        for widget, value in ((age, aged), (group, of), (status, chosen), (week, weekly)):
            widget.value = value
        quiet.clear()
        listed()
        go()

    table = parts.Table(
        reader, LIST.format(column=by.value), narrowed(), name="queries", sort=[("waiting_days", True)], key=["query_id"],
        hide=hidden(), on_row=lambda row: show_one(lambda: _one(view, row, commented)), nothing="No query matches.",
        widths={"query_id": 62, "subjid": 76, "visit": 72, "form": 88, "fieldlabel": 88, "status": 66, "action_owner": 62, "waiting_days": 64, "comment": 140},
    )  # fmt: skip
    broken, names_of = pn.Column(sizing_mode="stretch_width", margin=0), {column: name for name, column in BY.items()}

    def broken_down() -> pn.viewable.Viewable:
        rows = reader.rows(GROUPS.format(column=by.value, filtered=FILTERED), given)
        names = list(rows.name.drop_duplicates())
        group.param.update(options={"all": ""} | {name: name for name in names}, value="")
        shown, left = rows[rows.name.isin(names[:MOST])], len(names) - MOST
        under = f"The {MOST} with the most of {len(names)}; all of them are in the table beside." if left > 0 else ""
        times = parts.Table(reader, TIMES.format(column=by.value, filtered=FILTERED), given, name="queries_by_" + by.value, size=8, sort=[("open", True)], key=["name"],
                            titles={"name": names_of[by.value]}, on_row=lambda row: show("open answered", of=row["name"]))  # fmt: skip
        meant = dict(zip(figures.words(names), names, strict=True))
        return parts.side_by_side(_breakdown(shown, names_of[by.value], under, lambda row: show(row["status"], of=meant.get(row["name"], ""))), pn.Column(times))

    def break_down(*_: object) -> None:
        broken.objects = [later(broken_down, 400)]

    for widget in (age, group, status, week):
        widget.param.watch(listed, "value")
    by.param.watch(break_down, "value")
    break_down()
    numbers = parts.cards(
        parts.number("Open", counts.opened, counts.alive, said.get("QU01", ""), "", counts.opened, rows=lambda: show("open")),
        parts.number("Answered", counts.answered, counts.alive, said.get("QU02", ""), "", counts.answered, rows=lambda: show("answered")),
        parts.number("Overdue", counts.overdue, counts.waiting, said.get("QU03", ""), "", counts.overdue, rows=lambda: show("overdue")),
        parts.number("Oldest", counts.oldest, None, "Age in days of the oldest query that is open or answered.", "days", counts.oldest, rows=lambda: show("open answered")),
        parts.number("Time to answer", counts.responded, counts.alive, said.get("QU07", ""), "days", counts.response_time, rows=lambda: show("responded")),
        parts.number("Opened last week", counts.opened_last, counts.every_one, f"Queries opened in the seven days up to {reader.as_of}, of all queries. Closed in the same days: {counts.closed_last}.", "", counts.opened_last, f"{counts.closed_last} closed", rows=lambda: show("", weekly=f"opened {reader.as_of}")),
    )  # fmt: skip
    return pn.Column(
        parts.heading(TITLE, f"{reader.title} · cut-off {reader.as_of}", level=1),
        numbers,
        later(lambda: parts.side_by_side(_ages(reader, given, lambda row: show(row["status"], aged=row["age"])), _weeks(reader, given, lambda row: show("", weekly=f"{row['what']} {row['week']}")))),
        by, broken,
        spot, parts.heading("The queries", "A click on a row shows the whole query. Sort by a heading; the export gives what is shown."),
        pn.FlexBox(status, age, group, week, sizing_mode="stretch_width"),
        table, detail, sizing_mode="stretch_width",
    )  # fmt: skip


def _ages(reader: Reader, given: dict, on_tap: Callable[[dict], None]) -> pn.viewable.Viewable:
    rows = reader.rows(BY_AGE, given)
    if rows.empty:
        return parts.state("nothing", "No query is open or answered.")
    rows = rows.assign(place=rows.age.map({a: i for i, a in enumerate(AGES)})).sort_values(["place", "status"], ascending=[True, False], kind="stable")
    said = "An open query's age runs to the cut-off date, an answered one's to the response."
    return parts.plot(figures.bars(rows, "age", "queries", "status", "Open and answered queries by age in days"), said, on_tap)


def _breakdown(rows: pd.DataFrame, name: str, under: str, on_tap: Callable[[dict], None]) -> pn.viewable.Viewable:
    if rows.empty:
        return parts.state("nothing", "No query is open or answered.")
    return parts.plot(figures.bars(rows, "name", "queries", "status", f"Open and answered queries by {name.lower()}", 320), under, on_tap)


def _weeks(reader: Reader, given: dict, on_tap: Callable[[dict], None]) -> pn.viewable.Viewable:
    said = "Weeks of seven days; the last one ends on the cut-off date."
    return parts.plot(figures.lines(reader.rows(PER_WEEK, given), "week", "queries", "what", "Opened and closed per week"), said, on_tap)


def _one(view: View, row: dict, commented: Callable[[], None]) -> pn.viewable.Viewable:
    """A whole query, with the way to its subject and what people here say about it."""
    link = view.link("subjects", subject=str(row["subjid"]))
    named = {
        "Query": row["query_id"], "Status": row["status"], "Who must act": row["action_owner"], "Marking group": row["marking_group"],
        "On": ", ".join(str(row[c]) for c in ("siteid", "subjid", "visit", "form", "fieldlabel") if row[c]), "Opened": row["opened_on"],
        "Text": row["text"], "Response": row["response"], "Record": row["data_key"],
    }  # fmt: skip
    whole = pn.Column(parts.facts(named), parts.markup(f'<a href="{parts.text(link)}">Subject {parts.text(row["subjid"])}: everything about it</a>'), sizing_mode="stretch_width")
    said = pn.Column(parts.heading("Comment"), parts.guarded(lambda: reviewing.comment(view, str(row["query_id"]), commented)), sizing_mode="stretch_width")
    return pn.Column(parts.heading(f"Query {row['query_id']}"), parts.side_by_side(whole, said), sizing_mode="stretch_width")


def _notes(reader: Reader) -> dict[str, list[str]]:
    """What people here say about queries, as parameters of the list: $noted (query ids) and $notes (comments)."""
    said = sorted((query, entry.new) for query, entry in reader.comments().items())
    return {"noted": [query for query, _ in said], "notes": [text for _, text in said]}


def _overdue_days(reader: Reader) -> float:
    """The days after which a waiting query is overdue, as the measure of overdue queries has it in this study."""
    default = next(m.params["days"] for m in measures.library() if m.id == "QU03")
    return float(reader.study.parameters.get("QU03", {}).get("days", default))
