"""Reconciliation and coding: what two sources say differently, and what has no code yet, by age and by who must act."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import panel as pn

from cdmlib import figures
from cdmlib.board import Reader, View

from . import parts
from .later import later

TITLE = "Reconciliation and coding"
SLUG = "reconciliation"
WEEKS = 12  # cut-off dates that the age of a term without a code is looked for in
ALONE = "only left or only right"
# A row is as old as the finding that says it; without one, its age is not known.
AGED = """
    SELECT r.*, f.owner, CASE WHEN f.first_seen IS NULL THEN NULL ELSE iso_days(f.first_seen, $as_of) END AS age_days
    FROM   reconciliation AS r
    LEFT JOIN (SELECT record_key, min(first_seen) AS first_seen, max(owner) AS owner FROM findings WHERE domain = 'recon' AND gone_on IS NULL GROUP BY record_key) AS f ON f.record_key = r.record_key
    WHERE  ($site = '' OR r.siteid = $site) AND ($subject = '' OR r.subjid = $subject) AND r.result <> 'matched'"""
BUCKET = "CASE WHEN age_days IS NULL THEN 'not known' WHEN age_days <= 7 THEN '0-7' WHEN age_days <= 14 THEN '8-14' WHEN age_days <= 21 THEN '15-21' WHEN age_days <= 28 THEN '22-28' ELSE '>28' END"
AGES = ("0-7", "8-14", "15-21", "22-28", ">28", "not known")
DISAGREES = f"""
    SELECT recon, siteid, subjid, visit, result, record, field_label, left_value, right_value, status, owner, age_days, record_key
    FROM   ({AGED}) WHERE ($recon = '' OR recon = $recon) AND ($result = '' OR list_contains(string_split($result, ' or '), result)) AND ($age = '' OR {BUCKET} = $age) AND ($owner = '' OR owner = $owner)
      AND  ($unsettled = '' OR coalesce(status, 'Open') IN ('Open', 'Review outdated'))"""
BY_RESULT = f"SELECT recon, result, count(*) AS rows FROM ({AGED}) GROUP BY recon, result ORDER BY recon, result"
BY_AGE = f"""
    SELECT {BUCKET} AS age, min(coalesce(age_days, 99999)) AS place, count(*) AS rows FROM ({AGED}) WHERE coalesce(status, 'Open') IN ('Open', 'Review outdated') GROUP BY 1 ORDER BY place"""
RUNS = "SELECT recon, title, outcome, left_records, right_records, agree, differ, only_left, only_right, ambiguous, other, reason FROM reconciliation_runs"
# A term waits since the first cut-off date from which on it has been without a code in every set of results; whoever was asked last must act.
WAITING = "SELECT DISTINCT dictionary, verbatim FROM coding WHERE blank(code) AND verbatim IS NOT NULL ORDER BY dictionary, verbatim"
TERMS = """
    SELECT c.dictionary, c.verbatim, coalesce(c.status, '(none)') AS status, blank(c.code) AS open, c.record_key, c.subjid, c.siteid, c.visit, c.form, c.term, {suggested} AS suggestion, {confidence} AS confidence,
           CASE WHEN NOT blank(c.code) THEN NULL WHEN c.status = 'query' THEN 'site' ELSE 'coder' END AS owner, w.since, iso_days(w.since, $as_of) AS age_days
    FROM   coding AS c
    LEFT JOIN (SELECT unnest(CAST($dictionaries AS VARCHAR[])) AS dictionary, unnest(CAST($verbatims AS VARCHAR[])) AS verbatim, unnest(CAST($since AS VARCHAR[])) AS since) AS w
           ON blank(c.code) AND w.dictionary = c.dictionary AND w.verbatim = c.verbatim
    WHERE  ($site = '' OR c.siteid = $site) AND ($subject = '' OR c.subjid = $subject)"""
CODING = "SELECT count(*) AS terms, count(CASE WHEN NOT open THEN 1 END) AS coded, count(CASE WHEN open THEN 1 END) AS waiting, max(age_days) AS oldest FROM ({terms}) WHERE ($owner = '' OR NOT open OR owner = $owner)"
BY_STATUS = "SELECT dictionary, status, count(*) AS terms FROM ({terms}) GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2"
CODING_AGE = f"SELECT {BUCKET} AS age, owner, min(coalesce(age_days, 99999)) AS place, count(*) AS number FROM ({{terms}}) WHERE open AND ($owner = '' OR owner = $owner) GROUP BY 1, 2 ORDER BY place, owner"
NARROWED = f"""($dictionary = '' OR dictionary = $dictionary) AND ($status = '' OR status = $status) AND ($waiting = '' OR open) AND ($owner = '' OR owner = $owner) AND ($acts = '' OR owner = $acts)
      AND  ($age = '' OR {BUCKET} = $age)"""
LIST = f"""
    SELECT dictionary, verbatim, status, owner, age_days, since, count(*) AS records, count(DISTINCT subjid) AS subjects, max(term) AS term, max(suggestion) AS suggestion, max(confidence) AS confidence
    FROM   ({{terms}}) WHERE {NARROWED} GROUP BY dictionary, verbatim, status, owner, age_days, since"""
RECORDS = "SELECT siteid, subjid, visit, form, verbatim, status, term, suggestion, record_key FROM ({terms}) WHERE dictionary = $dictionary AND verbatim IS NOT DISTINCT FROM $verbatim AND status = $status"


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
    recon, result = parts.choice("Reconciliation", {"all": ""} | {r: r for r in rows.recon.drop_duplicates()}), parts.choice("Result", {"all": "", "on one side only": ALONE} | {r: r for r in rows.result.drop_duplicates()})
    unsettled, age = parts.choice("Status", {"not settled": "yes", "all": ""}, "yes"), parts.choice("Age in days", {"any": ""} | {a: a for a in AGES})
    spot, go = parts.mark()
    quiet: list[bool] = []

    def narrowed() -> dict:
        return given | {"recon": recon.value, "result": result.value, "unsettled": unsettled.value, "age": age.value}

    table = parts.Table(reader, DISAGREES, narrowed(), name="reconciliation", sort=[("age_days", True)], key=["recon", "record_key"], hide=["record_key"],
                        nothing="Nothing disagrees.", widths={"recon": 104, "result": 76, "record": 120, "field_label": 90})  # fmt: skip

    def listed(*_: object) -> None:
        if not quiet:
            table.select(DISAGREES, narrowed())

    def show(of: str = "", kind: str = "", open_only: str = "", aged: str = "") -> None:
        quiet.append(True)
        for widget, value in ((recon, of), (result, kind), (unsettled, open_only), (age, aged)):
            widget.value = value
        quiet.clear()
        listed()
        go()

    for widget in (recon, result, unsettled, age):
        widget.param.watch(listed, "value")
    ages = reader.rows(BY_AGE, given)
    every = int(rows.rows.sum()) if len(rows) else 0
    differing = int(rows.rows[rows.result == "mismatch"].sum()) if len(rows) else 0
    alone = int(rows.rows[rows.result.isin(ALONE.split(" or "))].sum()) if len(rows) else 0
    return pn.Column(
        parts.cards(
            parts.number("To settle", int(ages.rows.sum()) if len(ages) else 0, every, "Disagreements that nobody has settled, or whose review is outdated, of all that are found.", rows=lambda: show(open_only="yes")),
            parts.number("Values that differ", differing, every, f"Fields of paired records whose values differ{f' ({pairs:,} pairs were compared)' if pairs is not None else ''}, of all disagreements.", rows=lambda: show(kind="mismatch" if differing else "")),
            parts.number("On one side only", alone, every, "Records that only one of the two sources has, of all disagreements.", rows=lambda: show(kind=ALONE)),
        ),
        later(lambda: _bars(rows, "recon", "result", "What disagrees, by reconciliation", lambda row: show(row["recon"], row["result"]))),  # the legend needs the whole width
        later(lambda: _bars(ages, "age", "", "Not settled, by days since first found", lambda row: show(open_only="yes", aged=row["age"]))),
        *([parts.Table(reader, RUNS, name="reconciliations", key=["recon"], size=8, titles={"reason": "Left out or not run"}, on_row=lambda row: show(row["recon"]), widths={"recon": 104, "outcome": 70, "title": 210} | dict.fromkeys(("left_records", "right_records", "agree", "differ", "only_left", "only_right", "ambiguous", "other"), 62) | {"ambiguous": 84, "title": 200})] if runs is not None else []),
        spot, parts.heading("What disagrees"),
        pn.FlexBox(recon, result, unsettled, age, sizing_mode="stretch_width"), table, sizing_mode="stretch_width",
    )  # fmt: skip


def _bars(rows: pd.DataFrame, x: str, by: str, title: str, on_tap: Callable[[dict], None]) -> pn.viewable.Viewable:
    if rows.empty:
        return parts.state("nothing", f"{title}: nothing.")
    return parts.plot(figures.bars(rows.rename(columns={"rows": "number", "terms": "number"}), x, "number", by, title), "A click on a bar shows its rows.", on_tap)


def _coding(view: View, reader: Reader) -> pn.viewable.Viewable:
    if not reader.has("coding"):
        return parts.state("not run", "These results hold no coding: the study names no dictionary, or the coding notebook was not run.")
    there = reader.columns()["coding"]
    given = view.filters | waiting_since(view, reader)
    terms = TERMS.format(suggested="c.suggested_term" if "suggested_term" in there else "NULL", confidence="c.confidence" if "confidence" in there else "NULL")
    counts = next(reader.rows(CODING.format(terms=terms), given).itertuples())
    rows, ages = reader.rows(BY_STATUS.format(terms=terms), given), reader.rows(CODING_AGE.format(terms=terms), given)
    dictionary, status = parts.choice("Dictionary", {"all": ""} | {d: d for d in rows.dictionary.drop_duplicates()}), parts.choice("Coding status", {"all": ""} | {s: s for s in sorted(set(rows.status))})
    waiting, acts, age = parts.choice("Terms", {"without a code": "yes", "all": ""}, "yes"), parts.choice("Who must act", {"all": "", "coder": "coder", "site": "site"}), parts.choice("Age in days", {"any": ""} | {a: a for a in AGES})
    spot, go = parts.mark()
    quiet: list[bool] = []
    detail, show_one = parts.detail()

    def narrowed() -> dict:
        return given | {"dictionary": dictionary.value, "status": status.value, "waiting": waiting.value, "acts": acts.value, "age": age.value}

    def one(row: dict) -> None:
        chosen = given | {"dictionary": row["dictionary"], "verbatim": row["verbatim"] or None, "status": row["status"]}
        records = parts.Table(reader, RECORDS.format(terms=terms), chosen, name="coding_records", hide=["record_key"], key=["siteid", "subjid", "record_key"], titles={"verbatim": "Reported term", "term": "Coded to"},
                              on_row=lambda row: parts.go_to(view.link("subjects", study=reader.study_id, subject=str(row["subjid"]))))  # fmt: skip
        show_one(lambda: pn.Column(parts.heading(f"Records with {row['verbatim']}", "A click on a row opens the subject."), records, sizing_mode="stretch_width"))

    table = parts.Table(reader, LIST.format(terms=terms), narrowed(), name="coding", sort=[("age_days", True), ("records", True)], key=["dictionary", "verbatim", "status"], nothing="Every term has a code.", on_row=one,
                        titles={"verbatim": "Reported term", "term": "Coded to", "since": "Waits since"}, widths={"dictionary": 84, "records": 66, "subjects": 70, "confidence": 84, "since": 88})  # fmt: skip

    def listed(*_: object) -> None:
        if not quiet:
            table.select(LIST.format(terms=terms), narrowed())

    def show(of: str = "", stands: str = "", open_only: str = "", who: str = "", aged: str = "") -> None:
        quiet.append(True)
        for widget, value in ((dictionary, of), (status, stands), (waiting, open_only), (acts, who), (age, aged)):
            widget.value = value
        quiet.clear()
        listed()
        go()

    for widget in (dictionary, status, waiting, acts, age):
        widget.param.watch(listed, "value")
    return pn.Column(
        parts.cards(
            parts.number("Coded", counts.coded, counts.terms, "Records whose reported term has a code, of all records with a term to code.", "percent", rows=show),
            parts.number("Without a code", counts.waiting, counts.terms, "Records whose reported term has no code yet, of all records with a term to code.", "", counts.waiting, rows=lambda: show(open_only="yes")),
            parts.number("Longest wait", counts.oldest, None, f"Days from the first cut-off date from which on a term has been without a code in every set of results, to {reader.as_of}. A term that is seen for the first time waits for 0 days.", "days", counts.oldest, rows=lambda: show(open_only="yes")),
        ),
        later(lambda: parts.side_by_side(
            _bars(rows, "dictionary", "status", "Records by dictionary and coding status", lambda row: show(row["dictionary"], row["status"])),
            _bars(ages, "age", "owner", "Records without a code by days waiting and who must act", lambda row: show(open_only="yes", who=row["owner"], aged=row["age"])),
        )),
        spot, pn.FlexBox(waiting, dictionary, status, acts, age, sizing_mode="stretch_width"), table, detail, sizing_mode="stretch_width",
    )  # fmt: skip


def waiting_since(view: View, reader: Reader) -> dict[str, list[str]]:
    """Since which cut-off date each term without a code has had none, as parameters of SQL: $dictionaries, $verbatims and $since, in step."""
    since = {(row.dictionary, row.verbatim): reader.as_of for row in reader.rows(WAITING).itertuples()}
    waiting = set(since)
    for cutoff in sorted((c for c in reader.cutoffs() if c < reader.as_of), reverse=True)[:WEEKS]:
        before = view.reader_of(reader.study_id, cutoff)
        waiting &= {(row.dictionary, row.verbatim) for row in before.rows(WAITING).itertuples()} if waiting and before.has("coding") else set()
        since |= dict.fromkeys(waiting, cutoff)
    found = sorted(since.items())
    return {"dictionaries": [dictionary for (dictionary, _), _ in found], "verbatims": [verbatim for (_, verbatim), _ in found], "since": [day for _, day in found]}
