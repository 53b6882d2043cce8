"""What the machine may code by itself: terms that are the verbatim but for case, punctuation, spelling, plural or word order, and synonyms."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cdmlib.coding import words
from cdmlib.coding.dictionary import Dictionary
from cdmlib.errors import CdmError, listed
from cdmlib.study import Study

SEVERAL = re.compile(r"\s+and\s+|\s*[&+;/]\s*|\s+plus\s+|\s+as well as\s+|\s*,\s*(?:and\s+)?|\s+with\s+", re.IGNORECASE)
FLAGS = {  # what a person must look at, and why
    "ambiguous": "several dictionary terms fit equally",
    "not current": "the dictionary term is no longer current",
    "several terms": "each part is a term of its own",
    "not in version": "the code chosen for it is not in this version of the dictionary",
}


@dataclass(frozen=True)
class Match:
    """What the machine makes of a verbatim: a code and how it came to it (method: exact, normalised, synonym, decision), else a flag.

    `because` says which difference was set aside, or what the flag is about; `candidates` are the codes between which a person chooses.
    """

    code: str = ""
    method: str = ""
    flag: str = ""
    because: str = ""
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Index:
    """A dictionary, a synonym list and earlier decisions, each found by what verbatims are compared by."""

    dictionary: Dictionary
    exact: dict[str, tuple[str, ...]]
    stages: tuple[dict[str, tuple[str, ...]], ...]
    synonyms: tuple[dict[str, tuple[str, ...]], ...]
    decisions: tuple[dict[str, tuple[str, ...]], ...]
    current: dict[str, bool]


def index(
    dictionary: Dictionary, synonyms: dict[str, str] | None = None, decisions: dict[str, str] | None = None
) -> Index:
    """Prepare a dictionary for `match`; synonyms and decisions give a code by verbatim."""
    terms = dictionary.terms
    codes, names = terms.column("code").to_pylist(), terms.column("term").to_pylist()
    keyed = [terms.column(f"key{at}").to_pylist() for at in (1, 2, 3, 4)]
    drug = dictionary.drug
    current = dict(zip(codes, terms.column("is_current").to_pylist(), strict=True))
    return Index(
        dictionary, _by(names, codes), tuple(_by(keys, codes) for keys in keyed), _staged(synonyms or {}, drug), _staged(decisions or {}, drug), current
    )  # fmt: skip


def _by(keys: Iterable[str], codes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for key, code in zip(keys, codes, strict=True):
        held = found.get(key, ())
        if key and code not in held:
            found[key] = (*held, code)
    return found


def _staged(given: dict[str, str], drug: bool) -> tuple[dict[str, tuple[str, ...]], ...]:
    keyed = [words.keys(verbatim, drug) for verbatim in given]
    return tuple(_by([keys[at] for keys in keyed], given.values()) for at in range(4))


def match(index: Index, verbatim: str) -> Match:
    """Try exact, normalised, synonym and earlier decision, in this order; the first that knows the verbatim settles it.

    A code is given only when one current term fits; where several fit, or only one that is no longer current, a person is asked.
    """
    text = " ".join(verbatim.split())
    found = _settle(index, index.exact.get(text, ()), "exact", "")
    if found:
        return found
    keys, stages = words.keys(text, index.dictionary.drug), words.DRUG_STAGES if index.dictionary.drug else words.STAGES
    for method, lists in (("normalised", index.stages), ("synonym", index.synonyms), ("decision", index.decisions)):
        for at, (key, by_key) in enumerate(zip(keys, lists, strict=True)):
            difference = stages[at] if at or method == "normalised" else ""
            if key and (found := _settle(index, by_key.get(key, ()), method, difference)):
                return found
    parts = [part for part in SEVERAL.split(text) if words.plain(part)]
    if len(parts) > 1 and all(_known(index, part) for part in parts):
        return Match(
            flag="several terms",
            because=f"each part is a term of its own: {'; '.join(parts)}",
            candidates=tuple(_known(index, part) for part in parts),
        )
    return Match()


def _settle(index: Index, codes: tuple[str, ...], method: str, stage: str) -> Match | None:
    """One current term settles a verbatim; a term that is not current, or a choice, goes to a person."""
    if not codes:
        return None
    there = [code for code in codes if code in index.current]
    valid = [code for code in there if index.current[code]]
    if len(valid) == 1:
        return Match(valid[0], method, "", stage if method != "exact" else "")
    terms = index.dictionary.by_code
    if valid:
        return Match(
            "",
            "",
            "ambiguous",
            "several terms fit: " + "; ".join(f"{terms[code].term} ({code})" for code in valid[:5]),
            tuple(valid),
        )
    if there:
        term = terms[there[0]]
        return Match(
            "",
            "",
            "not current",
            f"{term.term} ({term.code}) is no longer current",
            _siblings(index, term.preferred_code),
        )
    return Match("", "", "not in version", f"{', '.join(codes)} is not in version {index.dictionary.version}")


def _siblings(index: Index, preferred: str | None) -> tuple[str, ...]:
    """The preferred term of a term that is not current, when it is current itself: what a coder most often takes instead."""
    return (preferred,) if preferred and index.current.get(preferred) else ()


def _known(index: Index, part: str) -> str:
    """The code of a part of a verbatim, when the machine knows it."""
    keys = words.keys(part, index.dictionary.drug)
    for lists in (index.stages, index.synonyms):
        for key, by_key in zip(keys, lists, strict=True):
            if valid := [code for code in by_key.get(key, ()) if index.current.get(code)]:
                return valid[0]
    return ""


def read_synonyms(study: Study, name: str) -> dict[str, str]:
    """The synonyms of a dictionary, code by verbatim, from the lists that study.toml names; a later list goes before an earlier one.

    A list is CSV in UTF-8 with the columns verbatim and code, and others to the reader's liking. Raises CdmError with every line at fault.
    """
    found: dict[str, str] = {}
    for given in study.dictionaries[name].synonyms:
        path = study.folder / given
        if not path.is_file():
            raise CdmError(
                f"The list of synonyms {path} is not there. Correct `synonyms` under [dictionaries.{name}] in study.toml."
            )
        found |= _read_list(path)
    return found


def _read_list(path: Path) -> dict[str, str]:
    found, problems = {}, []
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        if not {"verbatim", "code"} <= set(rows.fieldnames or ()):
            raise CdmError(
                f"{path}: its first line must name the columns verbatim and code; it has {', '.join(rows.fieldnames or ['nothing'])}."
            )
        for row in rows:
            verbatim, code = (row["verbatim"] or "").strip(), (row["code"] or "").strip()
            key = words.folded(verbatim)
            if not verbatim or not code:
                problems.append(f"line {rows.line_num}: verbatim and code must both be there")
            elif found.get(key, ("", code))[1] != code:
                problems.append(f"line {rows.line_num}: {verbatim!r} is given two codes, {found[key][1]} and {code}")
            else:
                found[key] = (verbatim, code)
    if problems:
        raise CdmError(listed(problems, f"{path}:"))
    return dict(found.values())
