"""The rows behind a measure: what it counts, row by row, with which of them are in its numerator."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn

from cdmlib import measures
from cdmlib.board import Reader, View

from . import parts

_PAGE = "s.siteid, p.subjid, p.visit, p.form, p.formrow"
_PAGES = "pages AS p JOIN subjects AS s ON s.subjid = p.subjid"
_QUERY = "q.siteid, q.subjid, q.visit, q.form, coalesce(q.fieldlabel, q.field) AS fieldlabel, q.query_id, q.status, q.opened_on, q.waiting_days, q.response_days, q.closing_days, q.text"
_ALIVE = "q.status <> 'cancelled'"
_PASSED = """CASE WHEN p.entered IS DISTINCT FROM 'Y' THEN 0 WHEN p.verify_required = 'Y' AND p.verified IS DISTINCT FROM 'Y' THEN 1
                  WHEN p.sign_required = 'Y' AND p.signed IS DISTINCT FROM 'Y' THEN 2 WHEN p.frozen IS DISTINCT FROM 'Y' THEN 3 WHEN p.locked IS DISTINCT FROM 'Y' THEN 4 ELSE 5 END"""
_STEP = "list_position(['entered', 'verified', 'signed', 'frozen', 'locked'], $category)"
# By measure: the columns of a row, FROM and WHERE that give one row for each that the denominator counts, and the test of the numerator.
# Where the denominator counts something else (subjects, pages, all values), the rows are those of the numerator and the test is `true`.
ROWS = {
    "CO04": ("q.siteid, q.subjid, q.visit, q.form, q.dictionary, q.verbatim, q.term, q.status, q.coder, q.approver", "coding AS q WHERE q.status IN ('decided', 'approved')", "q.status = 'approved'"),
    "DC01": (
        "s.siteid, c.subjid, c.dataset, c.field, c.old, c.new, c.record_key",
        "changes AS c JOIN subjects AS s ON s.subjid = c.subjid WHERE c.kind = 'value changed' AND EXISTS (SELECT 1 FROM items AS r WHERE r.source = c.source AND r.dataset = c.dataset)", "true",
    ),
    "PG01": (f"{_PAGE}, p.visitdtc, p.entereddtc, p.entry_days", f"{_PAGES} WHERE p.entered = 'Y'", "p.entry_days IS NOT NULL"),
    "PG02": (f"{_PAGE}, p.visitdtc, p.entereddtc, p.entry_days", f"{_PAGES} WHERE p.entered = 'Y' AND p.entry_days IS NOT NULL", "p.entry_days > $days"),
    "PG03": (f"{_PAGE}, p.visitdtc, p.entereddtc, p.entry_days", f"{_PAGES} WHERE p.entered = 'Y' AND p.entry_days IS NOT NULL", "p.entry_days > $days"),
    "PG04": (f"{_PAGE}, p.entered", f"{_PAGES} WHERE p.expected = 'Y' AND p.entered IS NOT NULL", "p.entered = 'N'"),
    "PG05": (f"{_PAGE}, p.verified", f"{_PAGES} WHERE p.entered = 'Y' AND p.verify_required = 'Y'", "p.verified = 'Y'"),
    "PG08": (f"{_PAGE}, p.entered, p.verified, p.signed, p.frozen, p.locked", f"{_PAGES} WHERE p.expected = 'Y'", f"{_PASSED} >= {_STEP}"),
    "PG09": (
        _PAGE, f"{_PAGES} WHERE p.entered = 'Y'",
        "NOT EXISTS (SELECT 1 FROM readiness AS h WHERE h.level = 'page' AND h.subjid = p.subjid AND coalesce(h.visit, '') = coalesce(p.visit, '') AND h.form = p.form)",
    ),
    "QU01": (_QUERY, f"queries AS q WHERE {_ALIVE}", "q.status = 'open'"),
    "QU02": (_QUERY, f"queries AS q WHERE {_ALIVE}", "q.status = 'answered'"),
    "QU03": (_QUERY, "queries AS q WHERE q.status IN ('open', 'answered')", "q.waiting_days > $days"),
    "QU07": (_QUERY, f"queries AS q WHERE {_ALIVE}", "q.response_days IS NOT NULL"),
    "QU08": (_QUERY, f"queries AS q WHERE {_ALIVE}", "q.status = 'closed' AND q.closing_days IS NOT NULL"),
    "QU11": (_QUERY.replace("q.siteid", "s.siteid", 1), f"queries AS q JOIN subjects AS s ON s.subjid = q.subjid WHERE {_ALIVE}", "true"),
    "QU12": (_QUERY.replace("q.siteid", "s.siteid", 1), f"queries AS q JOIN subjects AS s ON s.subjid = q.subjid WHERE {_ALIVE}", "true"),
    "SB01": (
        "s.siteid, s.subjid, r.status, r.blockers, r.owner",
        "subjects AS s LEFT JOIN readiness AS r ON r.level = 'subject' AND r.criterion = 'all' AND r.subjid = s.subjid WHERE EXISTS (SELECT 1 FROM readiness)", "r.ready",
    ),
    "VT01": (
        "s.siteid, p.subjid, p.visit, p.status, p.planneddtc, p.visitdtc, p.days_overdue",
        "visit_status AS p JOIN subjects AS s ON s.subjid = p.subjid WHERE p.status IN ('completed', 'missed', 'overdue')", "p.status = 'overdue'",
    ),
}  # fmt: skip
SHOWN = {"counted (numerator)": "yes", "not counted": "no", "both (denominator)": ""}


def select(reader: Reader, metric: str) -> tuple[str, dict]:
    """The SELECT of the rows behind a measure and its parameters: siteid, subjid, …, counted (yes or no).

    It takes $site and $category (a step of the lock funnel), each empty for all, and $counted (yes, no, empty for both).
    """
    columns, rows, test = ROWS[metric]
    measure = next(m for m in measures.library() if m.id == metric)
    given = measure.params | reader.study.parameters.get(metric, {}) | {"as_of": reader.as_of}
    sql = f"SELECT * FROM (SELECT {columns}, CASE WHEN {test} THEN 'yes' ELSE 'no' END AS counted FROM {rows}) WHERE ($site = '' OR coalesce(siteid, '(none)') = $site) AND ($counted = '' OR counted = $counted)"
    return sql, given


def rows(view: View, reader: Reader, metric: str, title: str, site: str = "", category: str = "") -> pn.viewable.Viewable:
    """The rows of a measure: those in its numerator first; a choice shows the others that its denominator counts."""
    sql, given = select(reader, metric)
    given |= {"site": site, "category": category}
    whole = ROWS[metric][2] != "true"
    shown = parts.choice("Rows", SHOWN if whole else {"counted (numerator)": "yes"}, "yes")
    table = parts.Table(
        reader, sql, given | {"counted": "yes"}, name=f"rows_{metric}", nothing="Nothing is counted here.", on_row=_to_subject(view, reader),
        widths={"query_id": 70, "counted": 70},
    )  # fmt: skip
    shown.param.watch(lambda event: table.select(sql, given | {"counted": event.new}), "value")
    under = "A click on a row opens the subject." + ("" if whole else " The denominator counts something else than these rows; the definition says what.")
    return pn.Column(parts.heading(title, under), shown, table, sizing_mode="stretch_width")


def _to_subject(view: View, reader: Reader) -> Callable[[dict], None]:
    return lambda row: parts.go_to(view.link("subjects", study=reader.study_id, subject=str(row["subjid"]))) if row.get("subjid") else None
