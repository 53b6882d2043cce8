"""The table `coding`: every reported term of the study with its code, how it came to it, or what a person is to look at."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from cdmlib import mart, standard, tables
from cdmlib.coding import autocode, decisions, dictionary, suggest, words
from cdmlib.coding.autocode import Index, Match
from cdmlib.coding.decisions import QUERY, Decision
from cdmlib.coding.dictionary import LEVELS, Dictionary
from cdmlib.coding.suggest import Suggestion
from cdmlib.mart import Work, note
from cdmlib.standard import literal, quote
from cdmlib.study import Study

PLACE = ("record_key", "siteid", "subjid", "visit", "form", "formrow", "source", "dataset", "source_row")
CODED = ("autocoded", "decided", "approved")  # a status of these counts as coded; the others are query and uncoded
BY_MACHINE = ("exact", "normalised", "synonym")  # methods of the machine, in the order they are tried
SUGGESTIONS = (
    "dictionary VARCHAR, verbatim VARCHAR, number INTEGER, code VARCHAR, term VARCHAR, preferred_term VARCHAR, class_term VARCHAR, "
    "confidence INTEGER, by_verbatim VARCHAR"
)
SUMMARY = (
    "dictionary",
    "version",
    "column",
    "records",
    "verbatims",
    "exact",
    "normalised",
    "synonym",
    "decision",
    "query",
    "uncoded",
    "flagged",
    "not_run",
)


@dataclass(frozen=True)
class Result:
    """What became of one verbatim (of one record, where it has a decision of its own)."""

    match: Match
    status: str
    decision: Decision | None = None
    before: Decision | None = None
    suggestions: tuple[Suggestion, ...] = ()


def code(work: Work) -> pd.DataFrame:
    """Code the declared columns into the tables `coding` and `coding_suggestions` of the work's database.

    Returns one row per coded column: records, verbatims (distinct), records by method, in query, uncoded, flagged for a person; and why
    a column was not coded. No dictionary declared: no table, and checks of coding are not run.

    Each row of `coding` is a record with a reported term. Its status: autocoded (by the machine: method exact, normalised or synonym), decided
    (by a coder), approved (by a second person), query (the site is asked) or uncoded; only the first three have a code.
    """
    study, there, said = work.study, tables.collected(work.con), []
    declared = dictionary.declared(study)
    if not declared:
        return pd.DataFrame([{"column": "-", "not_run": "no dictionary declared"}])
    columns = standard.tables()["coding"]
    work.con.execute(f"CREATE TABLE coding ({', '.join(f'{c.name} {c.sql_type}' for c in columns)})")
    work.con.execute(f"CREATE TABLE coding_suggestions ({SUGGESTIONS})")
    standing = decisions.standing(study)
    indexes: dict[str, Index] = {}
    rows: list[dict] = []
    for table, column, name in declared:
        index = indexes.get(name) or indexes.setdefault(name, prepare(study, name, standing))
        about = {"dictionary": name, "version": index.dictionary.version, "column": f"{table}.{column}"}
        if column not in there.get(table, ()):
            said.append(about | {"not_run": f"{table}.{column} is not collected"})
            continue
        made = _rows(work, table, column, index, standing)
        rows += made
        said.append(about | _counts(made))
    if rows:
        schema = pa.schema(
            [
                (c.name, {"VARCHAR": pa.string(), "DOUBLE": pa.float64(), "BIGINT": pa.int64()}[c.sql_type])
                for c in columns
            ]
        )
        work.con.register("coded", pa.Table.from_pylist(rows, schema=schema))
        work.con.execute("INSERT INTO coding SELECT * FROM coded ORDER BY dictionary, domain, record_key")
        work.con.unregister("coded")
    _keep_suggestions(work, rows, indexes)
    _look_back(work)
    if work.run:
        used = {name: {"version": i.dictionary.version, "content": i.dictionary.digest} for name, i in indexes.items()}
        note(work.study, work.run, dictionaries=used)
    return pd.DataFrame(said, columns=list(SUMMARY)).astype(object).fillna("")


def prepare(study: Study, name: str, standing: dict[str, Decision]) -> Index:
    """A declared dictionary with the study's synonyms and the decisions made so far, ready to code with."""
    mine = {
        d.verbatim: d.code
        for d in standing.values()
        if d.dictionary == name and not d.record_key and d.code != QUERY and not d.rejected
    }
    return autocode.index(dictionary.load(study, name), autocode.read_synonyms(study, name), mine)


def results(index: Index, verbatims: list[str], standing: dict[str, Decision]) -> dict[str, Result]:
    """What becomes of each verbatim: a decision on it goes before all, then what the machine may do, else suggestions."""
    found = {verbatim: _result(index, verbatim, standing) for verbatim in verbatims}
    open_ = [verbatim for verbatim, result in found.items() if result.status not in CODED]
    for verbatim, offered in zip(open_, suggest.suggest(index, open_), strict=True):
        held = found[verbatim]
        asked = tuple(  # what the flag is about comes first
            Suggestion(code, suggest.likeness(index, verbatim, code))
            for code in dict.fromkeys(held.match.candidates)
            if index.current.get(code)
        )
        others = tuple(s for s in offered if s.code not in held.match.candidates)
        found[verbatim] = Result(held.match, held.status, held.decision, held.before, (asked + others)[: suggest.MOST])
    return found


def _result(index: Index, verbatim: str, standing: dict[str, Decision], record_key: str = "") -> Result:
    decision = standing.get(decisions.subject_of(index.dictionary.name, verbatim, record_key))
    if record_key and decision and words.folded(decision.verbatim) != words.folded(verbatim):
        return Result(Match(), "", before=decision)  # it was made on another text
    if decision and decision.rejected:
        return Result(Match(flag="rejected", because=decision.rejected, candidates=(decision.code,)), "uncoded")
    if decision and decision.code == QUERY:
        return Result(Match(because=decision.reason), "query", decision)
    if decision:
        return _applied(index, decision)
    match = autocode.match(index, verbatim)
    if match.method == "decision":
        same = _origin(index, verbatim, match.code, standing)
        return Result(match, "approved" if same.approver else "decided", same)
    return Result(match, "autocoded" if match.code else "uncoded")


def _origin(index: Index, verbatim: str, code: str, standing: dict[str, Decision]) -> Decision:
    """The decision on the same term in another spelling that a verbatim was coded by; an approved one rather than one that waits."""
    keys, drug = words.keys(verbatim, index.dictionary.drug), index.dictionary.drug
    made = [
        d for d in standing.values() if d.dictionary == index.dictionary.name and d.code == code and not d.record_key
    ]
    alike = [d for d in made if any(a == b for a, b in zip(words.keys(d.verbatim, drug), keys, strict=True))]
    return max(alike, key=lambda decision: bool(decision.approver))


def _applied(index: Index, decision: Decision) -> Result:
    """A decision, as far as this version of the dictionary has its code as a current term."""
    term = index.dictionary.by_code.get(decision.code)
    if term and term.is_current:
        return Result(Match(decision.code, "decision"), "approved" if decision.approver else "decided", decision)
    flag = "not current" if term else "not in version"
    because = f"{decision.term} ({decision.code}), decided by {decision.coder}: {autocode.FLAGS[flag]}"
    same = (term.preferred_code,) if term and index.current.get(term.preferred_code or "") else ()
    return Result(Match(flag=flag, because=because, candidates=same), "uncoded")


def _rows(work: Work, table: str, column: str, index: Index, standing: dict[str, Decision]) -> list[dict]:
    name = index.dictionary.name
    records = work.con.execute(
        f"SELECT {', '.join(PLACE)}, {quote(column)} FROM {table} WHERE NOT blank(CAST({quote(column)} AS VARCHAR)) ORDER BY record_key"
    ).fetchall()
    own = {decision.record_key for decision in standing.values() if decision.record_key and decision.dictionary == name}
    by_verbatim = results(index, sorted({" ".join(str(row[-1]).split()) for row in records}), standing)
    rows = []
    for *place, given in records:
        verbatim = " ".join(str(given).split())
        result, before = by_verbatim[verbatim], None
        if place[0] in own:
            alone = _result(index, verbatim, standing, place[0])
            result, before = (alone, None) if alone.status else (result, alone.before)
        rows.append(
            dict(zip(PLACE, place, strict=True))
            | {"domain": table, "field": column, "verbatim": verbatim}
            | _values(index.dictionary, result, before)
        )
    return rows


def _values(of: Dictionary, result: Result, before: Decision | None) -> dict:
    match, decision, first = result.match, result.decision, next(iter(result.suggestions), None)
    term = of.by_code.get(match.code)
    suggested = of.by_code[first.code] if first else None
    return {
        "dictionary": of.name, "version": of.version, "level": (term.level if term else LEVELS[of.layout]) if match.code else None, "code": match.code or None,
        "term": term and term.term, "preferred_code": term and term.preferred_code, "preferred_term": term and term.preferred_term,
        "hlt_term": term and term.hlt_term, "hlgt_term": term and term.hlgt_term, "class_code": term and term.class_code, "class_term": term and term.class_term,
        "method": match.method or None, "confidence": None if match.code or not first else float(first.confidence), "status": result.status,
        "flag": match.flag or None, "because": match.because or None, "suggested_code": first and first.code, "suggested_term": suggested and suggested.term,
        "coder": decision and decision.coder, "coded_on": decision and decision.coded_on,
        "approver": (decision and decision.approver) or None, "approved_on": (decision and decision.approved_on) or None,
        "verbatim_before": before and before.verbatim, "code_before": before and before.code, "term_before": before and before.term,
        "suggestions": result.suggestions,
    }  # fmt: skip


def _counts(rows: list[dict]) -> dict[str, int]:
    by = {
        method: sum(row["method"] == method for row in rows)
        for method in ("exact", "normalised", "synonym", "decision")
    }
    by |= {status: sum(row["status"] == status for row in rows) for status in ("query", "uncoded")}
    return (
        {"records": len(rows), "verbatims": len({row["verbatim"] for row in rows})}
        | by
        | {"flagged": sum(bool(row["flag"]) for row in rows)}
    )


def _keep_suggestions(work: Work, rows: list[dict], indexes: dict[str, Index]) -> None:
    offered = {(row["dictionary"], row["verbatim"]): row["suggestions"] for row in rows if row["suggestions"]}
    lines = []
    for (name, verbatim), suggestions in sorted(offered.items()):
        for number, suggestion in enumerate(suggestions, start=1):
            term = indexes[name].dictionary.by_code[suggestion.code]
            lines.append(
                (
                    name,
                    verbatim,
                    number,
                    term.code,
                    term.term,
                    term.preferred_term,
                    term.class_term,
                    suggestion.confidence,
                    suggestion.by,
                )
            )
    if lines:
        work.con.executemany("INSERT INTO coding_suggestions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", lines)


def _look_back(work: Work) -> None:
    """What a coded record's verbatim and code were the week before, where its verbatim is another now."""
    previous = mart.week_before(work.study, work.as_of)
    if not previous:
        return
    path = work.study.folder / "marts" / previous["mart"]
    work.con.execute(f"ATTACH {literal(str(path))} AS coding_before (READ_ONLY)")
    held = work.con.execute(
        "SELECT count(*) FROM information_schema.tables WHERE table_catalog = 'coding_before' AND table_name = 'coding'"
    ).fetchone()[0]
    if held:
        work.con.execute(
            """UPDATE coding SET verbatim_before = b.verbatim, code_before = b.code, term_before = b.term FROM coding_before.coding b
               WHERE coding.verbatim_before IS NULL AND b.dictionary = coding.dictionary AND b.record_key = coding.record_key AND b.field = coding.field
                     AND b.code IS NOT NULL AND lower(b.verbatim) <> lower(coding.verbatim)"""
        )
    work.con.execute("DETACH coding_before")
