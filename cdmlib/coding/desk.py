"""A coder's table in a notebook: what waits with its suggestions, choosing from it, and looking a term up."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pandas as pd

from cdmlib import study as studies
from cdmlib.coding import assign, book, decisions, dictionary, suggest, words
from cdmlib.coding.decisions import Choice
from cdmlib.errors import CdmError, listed


def worklist(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Reported terms without a code in published results, the most frequent first; the row number is what `decide` goes by.

    Columns: dictionary, verbatim, records, look_at (the flag), and suggestions 1 to 5 as `term (code) confidence`.
    """
    rows = _waiting(con)
    offers = _offers(con)
    shown = [
        (name, verbatim, records, because, *(offers.get((name, verbatim), []) + [""] * suggest.MOST)[: suggest.MOST])
        for name, verbatim, records, because in rows
    ]
    columns = ["dictionary", "verbatim", "records", "look_at", *(str(number) for number in range(1, suggest.MOST + 1))]
    return pd.DataFrame(shown, columns=columns, index=pd.RangeIndex(1, len(shown) + 1, name="row"))


def decide(con: duckdb.DuckDBPyConnection, choices: Mapping[int, int | str], why: str = "") -> pd.DataFrame:
    """Write choices from the worklist of these results to the journal: by row the number of a suggestion, a code, or "query".

    Without choices nothing is written. `why` stands beside each; for a query it is what the site is asked. Returns what was written.
    Raises CdmError when the person may not code, and for a row, number or code that is not there.
    """
    chosen, problems, rows = [], [], _waiting(con)
    study = studies.load(con.execute("SELECT study FROM runs").fetchone()[0])
    for row, choice in choices.items():
        if not 1 <= int(row) <= len(rows):
            problems.append(f"row {row}: the worklist has rows 1 to {len(rows)}")
            continue
        name, verbatim, _, _ = rows[int(row) - 1]
        offers, text = _offers(con).get((name, verbatim), []), str(choice).strip()
        if text.isdigit() and int(text) <= suggest.MOST:
            if not 1 <= int(text) <= len(offers):
                problems.append(f"row {row}: {verbatim!r} has {len(offers)} suggestions")
                continue
            text = offers[int(text) - 1].rsplit("(", 1)[1].split(")")[0]
        chosen.append(Choice(name, verbatim, decisions.QUERY if text.lower() in book.QUESTION else text, why))
    if problems:
        raise CdmError(listed(problems, "Nothing was written:"))
    written = []
    if chosen:
        loaded = {name: dictionary.load(study, name) for name in {choice.dictionary for choice in chosen}}
        written = decisions.decide(study, loaded, chosen)
    return pd.DataFrame(
        [(e.subject, e.new, e.reason, e.actor, e.utc) for e in written], columns=["what", "code", "why", "who", "when"]
    )


def awaiting(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Decisions of the study that wait for a second person, as they stand in the journal now."""
    study = studies.load(con.execute("SELECT study FROM runs").fetchone()[0])
    waiting = [d for _, d in sorted(decisions.standing(study).items()) if d.waiting]
    return pd.DataFrame(
        [(d.dictionary, d.verbatim, d.term, d.code, d.coder, d.coded_on, d.reason) for d in waiting],
        columns=["dictionary", "verbatim", "term", "code", "coder", "coded_on", "why"],
    )


def find(study_id: str, name: str, text: str, most: int = 20) -> pd.DataFrame:
    """Current terms of a dictionary that are like a text or hold it, the likest first: code, term, preferred term, class, likeness."""
    study = studies.load(study_id)
    index = assign.prepare(study, name, {})
    terms = index.dictionary.by_code
    key = words.plain(text)
    holding = [
        code
        for code, plain, current in zip(
            *(index.dictionary.terms.column(c).to_pylist() for c in ("code", "key1", "is_current")), strict=True
        )
        if current and f" {key}" in f" {plain}"
    ]
    scored = {s.code: s.confidence for s in suggest.suggest(index, [text], most)[0]}
    codes = sorted({*holding, *scored}, key=lambda code: (-scored.get(code, 0), terms[code].term, code))[:most]
    return pd.DataFrame(
        [
            (t.code, t.term, t.preferred_term, t.class_term, scored.get(t.code, 0))
            for t in (terms[code] for code in codes)
        ],
        columns=["code", "term", "preferred_term", "class", "likeness"],
    )


def _waiting(con: duckdb.DuckDBPyConnection) -> list[tuple[str, str, int, str]]:
    return con.execute(
        f"""SELECT dictionary, verbatim, count(*) AS records, coalesce(any_value(because), any_value(flag), '') FROM coding
            WHERE status NOT IN {assign.CODED} GROUP BY dictionary, verbatim ORDER BY dictionary, records DESC, lower(verbatim), verbatim"""
    ).fetchall()


def _offers(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], list[str]]:
    offers: dict[tuple[str, str], list[str]] = {}
    for name, verbatim, term, code, confidence in con.execute(
        "SELECT dictionary, verbatim, term, code, confidence FROM coding_suggestions ORDER BY dictionary, verbatim, number"
    ).fetchall():
        offers.setdefault((name, verbatim), []).append(f"{term} ({code}) {confidence} %")
    return offers
