"""Reconciliation and coding: what two sources say differently, and what has no code yet, by age and by who must act."""

from __future__ import annotations

import pandas as pd
import panel as pn

from cdmlib import figures
from cdmlib.board import Reader, View, where

from . import parts
from .later import later

TITLE = "Reconciliation and coding"
SLUG = "reconciliation"
FILTERED = where("siteid", "subjid")
# A row is as old as the finding that says it; without one, its age is not known.
AGED = """
    SELECT r.*, f.owner, CASE WHEN f.first_seen IS NULL THEN NULL ELSE iso_days(f.first_seen, $as_of) END AS age_days
    FROM   reconciliation AS r
    LEFT JOIN (SELECT record_key, min(first_seen) AS first_seen, max(owner) AS owner FROM findings WHERE domain = 'recon' AND gone_on IS NULL GROUP BY record_key) AS f ON f.record_key = r.record_key
    WHERE  ($site = '' OR r.siteid = $site) AND ($subject = '' OR r.subjid = $subject) AND r.result <> 'matched'"""
DISAGREES = f"""
    SELECT recon, siteid, subjid, visit, result, record, field_label, left_value, right_value, status, owner, age_days, record_key
    FROM   ({AGED}) WHERE ($recon = '' OR recon = $recon) AND ($result = '' OR result = $result) AND ($owner = '' OR owner = $owner)
      AND  ($unsettled = '' OR coalesce(status, 'Open') IN ('Open', 'Review outdated'))"""
BY_RESULT = f"SELECT recon, result, count(*) AS rows FROM ({AGED}) GROUP BY recon, result ORDER BY recon, result"
BY_AGE = f"""
    SELECT CASE WHEN age_days IS NULL THEN 'not known' WHEN age_days <= 7 THEN '0-7' WHEN age_days <= 14 THEN '8-14' WHEN age_days <= 21 THEN '15-21' WHEN age_days <= 28 THEN '22-28' ELSE '>28' END AS age,
           min(coalesce(age_days, 99999)) AS place, count(*) AS rows FROM ({AGED}) WHERE coalesce(status, 'Open') IN ('Open', 'Review outdated') GROUP BY 1 ORDER BY place"""
RUNS = "SELECT recon, title, outcome, left_records, right_records, agree, differ, only_left, only_right, ambiguous, other, reason FROM reconciliation_runs"
CODING = f"""
    SELECT count(*) AS terms, count(CASE WHEN NOT blank(code) THEN 1 END) AS coded, count(CASE WHEN blank(code) THEN 1 END) AS waiting
    FROM   coding WHERE {FILTERED}"""
BY_STATUS = f"SELECT dictionary, coalesce(status, '(none)') AS status, count(*) AS terms FROM coding WHERE {FILTERED} GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2"
TERMS = """
    SELECT dictionary, verbatim, coalesce(status, '(none)') AS status, count(*) AS records, count(DISTINCT subjid) AS subjects, max(term) AS term, max({suggested}) AS suggestion, max({confidence}) AS confidence
    FROM   coding WHERE {filtered} AND ($dictionary = '' OR dictionary = $dictionary) AND ($waiting = '' OR blank(code)) GROUP BY dictionary, verbatim, coalesce(status, '(none)')"""


def page(view: View) -> pn.viewable.Viewable:
    """The page of reconciliation and coding under the filters of the view."""
    return parts.following(view, lambda: _page(view), "study", "cutoff", "site", "subject", "owner")


def _page(view: View) -> pn.viewable.Viewable:
    reader = view.reader
    return pn.Column(
        parts.heading(TITLE, f"{reader.title} · cut-off {reader.as_of}", level=1),
        parts.heading("Reconciliation"),
        parts.guarded(lambda: _reconciliation(view, reader)),
        parts.heading("Coding"),
        parts.guarded(lambda: _coding(view, reader)),
        sizing_mode="stretch_width",
    )


def _reconciliation(view: View, reader: Reader) -> pn.viewable.Viewable:
    if not reader.has("reconciliation"):
        return parts.state("not run", "These results hold no reconciliation: the study declares none, or the reconciliation notebook was not run.")
    given = view.filters
    rows = reader.rows(BY_RESULT, given)
    runs = reader.rows(RUNS + " ORDER BY recon") if reader.has("reconciliation_runs") else None
    pairs = int(runs.agree.fillna(0).sum() + runs.differ.fillna(0).sum()) if runs is not None else None
    recon, result = parts.choice("Reconciliation", {"all": ""} | {r: r for r in rows.recon.drop_duplicates()}), parts.choice("Result", {"all": ""} | {r: r for r in rows.result.drop_duplicates()})
    unsettled = parts.choice("Status", {"not settled": "yes", "all": ""}, "yes")
    table = parts.Table(reader, DISAGREES, given | {"recon": "", "result": "", "unsettled": "yes"}, name="reconciliation", sort=[("age_days", True)], key=["recon", "record_key"], hide=["record_key"],
                        nothing="Nothing disagrees.", widths={"recon": 104, "result": 76, "record": 120, "field_label": 90})  # fmt: skip

    def listed(*_: object) -> None:
        table.select(DISAGREES, given | {"recon": recon.value, "result": result.value, "unsettled": unsettled.value})

    for widget in (recon, result, unsettled):
        widget.param.watch(listed, "value")
    ages = reader.rows(BY_AGE, given)
    differing = int(rows.rows[rows.result == "mismatch"].sum()) if len(rows) else 0
    alone = int(rows.rows[rows.result.isin(["only left", "only right"])].sum()) if len(rows) else 0
    return pn.Column(
        parts.cards(
            parts.number("To settle", int(ages.rows.sum()) if len(ages) else 0, int(rows.rows.sum()) if len(rows) else 0, "Disagreements that nobody has settled, or whose review is outdated, of all that are found."),
            parts.number("Values that differ", differing, None, f"Fields of paired records whose values differ{f', in {pairs} pairs' if pairs is not None else ''}.", rows=lambda: setattr(result, "value", "mismatch" if differing else "")),
            parts.number("On one side only", alone, None, "Records that only one of the two sources has."),
        ),
        later(lambda: _bars(rows, "recon", "result", "What disagrees, by reconciliation")),  # the legend needs the whole width
        later(lambda: _bars(ages, "age", "", "Not settled, by days since first found")),
        *([parts.Table(reader, RUNS, name="reconciliations", key=["recon"], size=8, titles={"reason": "Left out or not run"}, widths={"recon": 104, "outcome": 66, "title": 210} | dict.fromkeys(("left_records", "right_records", "agree", "differ", "only_left", "only_right", "ambiguous", "other"), 62))] if runs is not None else []),
        parts.heading("What disagrees"),
        pn.FlexBox(recon, result, unsettled, sizing_mode="stretch_width"), table, sizing_mode="stretch_width",
    )  # fmt: skip


def _bars(rows: pd.DataFrame, x: str, by: str, title: str) -> pn.viewable.Viewable:
    return parts.plot(figures.bars(rows.rename(columns={"rows": "number"}), x, "number", by, title)) if len(rows) else parts.state("nothing", f"{title}: nothing.")


def _coding(view: View, reader: Reader) -> pn.viewable.Viewable:
    if not reader.has("coding"):
        return parts.state("not run", "These results hold no coding: the study names no dictionary, or the coding notebook was not run.")
    given, there = view.filters, reader.columns()["coding"]
    counts = next(reader.rows(CODING, given).itertuples())
    rows = reader.rows(BY_STATUS, given)
    offered = {"suggested": "suggested_term" if "suggested_term" in there else "NULL", "confidence": "confidence" if "confidence" in there else "NULL"}
    sql = TERMS.format(filtered=FILTERED, **offered)
    dictionary = parts.choice("Dictionary", {"all": ""} | {d: d for d in rows.dictionary.drop_duplicates()})
    waiting = parts.choice("Terms", {"without a code": "yes", "all": ""}, "yes")
    table = parts.Table(reader, sql, given | {"dictionary": "", "waiting": "yes"}, name="coding", sort=[("records", True)], key=["dictionary", "verbatim", "status"], nothing="Every term has a code.",
                        titles={"verbatim": "Reported term", "term": "Coded to"}, widths={"dictionary": 90, "records": 66, "subjects": 70, "confidence": 80})  # fmt: skip

    def listed(*_: object) -> None:
        table.select(sql, given | {"dictionary": dictionary.value, "waiting": waiting.value})

    def show(chosen: str) -> None:
        waiting.value = chosen

    for widget in (dictionary, waiting):
        widget.param.watch(listed, "value")
    return pn.Column(
        parts.cards(
            parts.number("Coded", counts.coded, counts.terms, "Records whose reported term has a code, of all records with a term to code.", "percent", rows=lambda: show("")),
            parts.number("Without a code", counts.waiting, counts.terms, "Records whose reported term has no code yet.", "", counts.waiting, rows=lambda: show("yes")),
        ),
        later(lambda: _bars(rows.rename(columns={"terms": "rows"}), "dictionary", "status", "Records by dictionary and coding status")),
        pn.FlexBox(dictionary, waiting, sizing_mode="stretch_width"), table, sizing_mode="stretch_width",
    )  # fmt: skip
