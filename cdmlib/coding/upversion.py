"""What a new version of a dictionary does to the codes of a study: which terms move, which are no longer current, what is unchanged."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd

from cdmlib.coding import assign, autocode, decisions, dictionary
from cdmlib.coding.decisions import QUERY
from cdmlib.coding.dictionary import Dictionary, Term
from cdmlib.errors import CdmError
from cdmlib.study import Study

PATH = (
    ("preferred_term", "preferred term"),
    ("hlt_term", "high level term"),
    ("hlgt_term", "high level group term"),
    ("class_term", "class"),
)
RESULTS = (  # from what must be done to what need not
    "no longer in the dictionary", "no longer current", "renamed", "moved", "could be coded now", "would be coded otherwise", "unchanged", "uncoded",
)  # fmt: skip


def compare(con: duckdb.DuckDBPyConnection, study: Study, name: str, folder: Path) -> pd.DataFrame:
    """Every reported term coded with the dictionary `name`, and what it becomes with the version in `folder`; nothing is changed.

    Columns: result (see RESULTS), verbatim, records, code, term, what (old → new), method, new_code, new_term. "Could be coded now" and
    "would be coded otherwise" are what the machine would do with the new version; decisions stay until a coder changes them.
    """
    old = dictionary.load(study, name)
    source = study.dictionaries[name].model_copy(update={"folder": str(folder), "version": ""})
    new = dictionary.load_folder(name, folder, source, study.folder / "cache")
    if new.digest == old.digest or new.version == old.version:
        raise CdmError(
            f"{folder} holds version {new.version} of {name}, which the study codes with already. Give the folder of another version."
        )
    standing = decisions.standing(study)
    mine = {
        d.verbatim: d.code
        for d in standing.values()
        if d.dictionary == name and not d.record_key and d.code != QUERY and not d.rejected
    }
    index = autocode.index(new, autocode.read_synonyms(study, name), mine)
    rows = con.execute(
        """SELECT verbatim, code, coalesce(method, '') AS method, count(*) AS records FROM coding WHERE dictionary = $1
            GROUP BY verbatim, code, method ORDER BY lower(verbatim), verbatim, code""",
        [name],
    ).fetchall()
    said = [_row(old, new, index, *row) for row in rows]
    frame = pd.DataFrame(
        said, columns=["result", "verbatim", "records", "code", "term", "what", "method", "new_code", "new_term"]
    )
    frame["result"] = pd.Categorical(frame["result"], RESULTS, ordered=True)
    return (
        frame.sort_values(["result", "verbatim"], kind="stable")
        .reset_index(drop=True)
        .astype({"result": str})
        .fillna("")
    )


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """How many reported terms and records each result has, in the order of RESULTS."""
    counts = frame.groupby("result").agg(reported_terms=("verbatim", "count"), records=("records", "sum"))
    return counts.reindex([result for result in RESULTS if result in counts.index]).reset_index()


def _row(
    old: Dictionary, new: Dictionary, index: autocode.Index, verbatim: str, code: str | None, method: str, records: int
) -> tuple:
    match = autocode.match(index, verbatim)
    then, now, otherwise = old.by_code.get(code or ""), new.by_code.get(code or ""), new.by_code.get(match.code)
    result, what = _result(then, now, otherwise, method)
    other = otherwise if result in ("could be coded now", "would be coded otherwise") else now
    if result in ("no longer in the dictionary", "no longer current"):
        other = otherwise
    return result, verbatim, records, code, then and then.term, what, method, other and other.code, other and other.term


def _result(then: Term | None, now: Term | None, otherwise: Term | None, method: str) -> tuple[str, str]:
    if not then:
        return ("could be coded now", f"→ {otherwise.term}") if otherwise else ("uncoded", "")
    if not now:
        return "no longer in the dictionary", then.term
    if not now.is_current:
        return "no longer current", then.term
    if then.term != now.term:
        return "renamed", f"{then.term} → {now.term}"
    if moved := [
        f"{label}: {getattr(then, field) or '(none)'} → {getattr(now, field) or '(none)'}"
        for field, label in PATH
        if getattr(then, field) != getattr(now, field)
    ]:
        return "moved", "; ".join(moved)
    if method in assign.BY_MACHINE and otherwise and otherwise.code != then.code:
        return "would be coded otherwise", f"{then.term} → {otherwise.term}"
    return "unchanged", ""
