"""Ranked suggestions for verbatims that the machine may not code: for a person to choose from, never taken by themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
from rapidfuzz import fuzz, process

from cdmlib import sqlfile, standard
from cdmlib.coding import words
from cdmlib.coding.autocode import Index

MOST = 5  # suggestions for one verbatim
LOOKED_AT = 30  # names compared letter by letter with one verbatim
BATCH = 20_000  # verbatims at a time
LEAST = 50  # confidence below which nothing is suggested
PART = 0.9  # what it counts when all words of one are in the other ("severe headache"), against 1 for the whole


@dataclass(frozen=True)
class Suggestion:
    """A code that may be meant and how alike the texts are, 0 to 100; `by` is the synonym or earlier verbatim that led to it, if any."""

    code: str
    confidence: int
    by: str = ""


def suggest(index: Index, verbatims: Sequence[str], most: int = MOST) -> list[tuple[Suggestion, ...]]:
    """The `most` best suggestions for each verbatim, best first; terms that are not current are never suggested.

    Texts are compared as spelt the American way, without case, accents and punctuation. The same dictionary and verbatims give the same
    suggestions in the same order.
    """
    codes, names, by, own = _names(index)
    drug = index.dictionary.drug
    texts = [words.keys(verbatim, drug)[2 if drug else 1] for verbatim in verbatims]
    found: list[tuple[Suggestion, ...]] = [()] * len(texts)
    if not names or not any(texts):
        return found
    with duckdb.connect(config={"threads": os.cpu_count() or 1}) as con:
        lists = _prepare(con, names)
        search = sqlfile.read(standard.SQL / "dictionaries" / "rarest_groups.sql", "suggestions")
        for start in range(0, len(texts), BATCH):
            part = texts[start : start + BATCH]
            con.register(
                "search_texts", pa.table({"text_id": np.arange(len(part)), "text": pa.array(part, pa.string())})
            )
            rarest = con.execute(search.sql, search.params).fetchnumpy()
            pairs = _candidates(rarest["text_id"], rarest["group_id"], lists, len(names))
            _rank(*pairs, part, names, codes, by, own, most, start, found)
    return found


def likeness(index: Index, verbatim: str, code: str) -> int:
    """How alike a verbatim and a term are, 0 to 100, by the same measure as the suggestions."""
    at = 2 if index.dictionary.drug else 1
    one, other = (
        words.keys(text, index.dictionary.drug)[at] for text in (verbatim, index.dictionary.by_code[code].term)
    )
    return round(
        max(fuzz.ratio(one, other), fuzz.token_sort_ratio(one, other), PART * fuzz.token_set_ratio(one, other))
    )


def _names(index: Index) -> tuple[list[str], list[str], list[str], int]:
    """What can be suggested: codes, the texts they are found by, and the verbatim of a synonym or decision that stands for a code."""
    terms, valid = index.dictionary.terms, index.current
    rows = zip(
        terms.column("code").to_pylist(),
        terms.column("key2").to_pylist(),
        terms.column("is_current").to_pylist(),
        strict=True,
    )
    given = [(code, key, "") for code, key, current in rows if current and key]
    own = len(given)
    for lists in (index.synonyms, index.decisions):
        given += [
            (codes[0], key, key) for key, codes in sorted(lists[1].items()) if len(codes) == 1 and valid.get(codes[0])
        ]
    return [row[0] for row in given], [row[1] for row in given], [row[2] for row in given], own


@dataclass(frozen=True)
class _Lists:
    """The names that have each group of letters, one list behind the other, and what each group counts."""

    names: np.ndarray
    starts: np.ndarray
    weights: np.ndarray


def _prepare(con: duckdb.DuckDBPyConnection, names: list[str]) -> _Lists:
    con.register("search_names", pa.table({"name_id": np.arange(len(names)), "name": pa.array(names, pa.string())}))
    groups = sqlfile.read(standard.SQL / "dictionaries" / "name_groups.sql", "suggestions").sql
    con.execute(f"CREATE TABLE name_groups AS {groups}")
    con.execute(
        "CREATE TABLE letter_groups AS SELECT letters, row_number() OVER (ORDER BY letters) - 1 AS group_id, count(*) AS names FROM name_groups GROUP BY letters"
    )
    counts = con.execute("SELECT names FROM letter_groups ORDER BY group_id").fetchnumpy()["names"]
    ids = con.execute(
        "SELECT n.name_id FROM name_groups n JOIN letter_groups g ON g.letters = n.letters ORDER BY g.group_id, n.name_id"
    ).fetchnumpy()["name_id"]
    weights = np.rint(1000 * np.log((len(names) + 1) / counts)).astype(np.int32) + 1
    return _Lists(ids, np.concatenate([[0], np.cumsum(counts)]), weights)


def _candidates(
    text_ids: np.ndarray, group_ids: np.ndarray, lists: _Lists, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each text the names that share most of its rarest groups: text, name, what the shared groups count. All in whole numbers."""
    weight = np.zeros(n, np.int32)
    cuts = np.flatnonzero(np.diff(text_ids)) + 1
    texts, names, weights = [], [], []
    for start, end in zip([0, *cuts], [*cuts, len(text_ids)], strict=True):
        every = []
        for group in group_ids[start:end]:
            having = lists.names[lists.starts[group] : lists.starts[group + 1]]
            weight[having] += lists.weights[group]
            every.append(having)
        if not every:
            continue
        met = np.concatenate(every)
        room = LOOKED_AT * len(every)  # a name is met once for each group that it shares
        best = met if len(met) <= room else met[np.argpartition(-weight[met], room)[:room]]
        best = np.unique(best)
        best = best[np.lexsort((best, -weight[best]))[:LOOKED_AT]]
        names.append(best)
        weights.append(weight[best])
        texts.append(np.full(len(best), text_ids[start]))
        weight[met] = 0
    nothing = np.zeros(0, np.int64)
    return tuple(np.concatenate(parts) if parts else nothing for parts in (texts, names, weights))


def _rank(
    text_ids: np.ndarray,
    name_ids: np.ndarray,
    weights: np.ndarray,
    texts: list[str],
    names: list[str],
    codes: list[str],
    by: list[str],
    own: int,
    most: int,
    start: int,
    found: list,
) -> None:
    """Compare each text with the names found for it, letter by letter, and keep the best."""
    left, right = [texts[i] for i in text_ids], [names[i] for i in name_ids]
    compare = {"workers": -1, "dtype": np.float32}
    whole = process.cpdist(left, right, scorer=fuzz.ratio, **compare)
    order = process.cpdist(left, right, scorer=fuzz.token_sort_ratio, **compare)
    parts = process.cpdist(left, right, scorer=fuzz.token_set_ratio, **compare)
    scores = np.rint(np.maximum(np.maximum(whole, order), PART * parts)).astype(int)
    ranks = np.lexsort((name_ids, -weights, name_ids >= own, -whole.astype(int), -scores, text_ids))
    for at in ranks:
        if scores[at] < LEAST:
            continue
        place = start + int(text_ids[at])
        held, code = found[place], codes[name_ids[at]]
        if len(held) < most and all(code != other.code for other in held):
            found[place] = (*held, Suggestion(code, int(scores[at]), by[name_ids[at]]))
