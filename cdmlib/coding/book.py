"""The coding workbook: what waits for a coder with its suggestions, what waits for approval, what is coded; and taking it back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cdmlib import journal, workbook
from cdmlib.coding import assign, decisions, dictionary, suggest, words
from cdmlib.coding.decisions import QUERY, Choice, Decision
from cdmlib.coding.dictionary import Dictionary
from cdmlib.errors import CdmError, listed
from cdmlib.mart import Work
from cdmlib.study import Study
from cdmlib.workbook import AnswerSheet, Marked

OFFER = re.compile(r"(\S+) · (\d+) %")  # the second line of a suggestion, as the import reads it again
HEAD_FACT, TO_CODE, TO_APPROVE = "Journal entry", "To code", "To approve"
QUESTION, TAKEN_BACK = ("query", "q", "?"), "none"
FROM_SUGGESTION = {str(number): f"suggestion_{number}" for number in range(1, suggest.MOST + 1)}


@dataclass(frozen=True)
class Imported:
    """What an import did: choices, approvals and rejections written, cells that stood so already, conflicts left for a person."""

    choices: int
    approved: int
    rejected: int
    already: int
    conflicts: tuple[str, ...]
    said: str


def row_id(subject: str) -> str:
    """How a row of the workbook names what it is about."""
    return hashlib.md5(subject.encode()).hexdigest()[:16]


def write(work: Work, path: Path | None = None) -> Path | None:
    """Write the coding workbook, into the run's folder or at `path`; None when no column of the study is coded."""
    con = work.con
    if not con.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'coding' AND NOT temporary").fetchone()[
        0
    ]:
        return None
    path = path or work.folder / f"coding_{work.study.id}_{work.as_of}.xlsx"
    versions = con.execute("SELECT DISTINCT dictionary, version FROM coding ORDER BY ALL").fetchall()
    coded = con.execute(f"SELECT count(*) FILTER (status IN {assign.CODED}), count(*) FROM coding").fetchone()
    facts = (
        *((f"Dictionary {name}", version) for name, version in versions),
        ("Coded", f"{coded[0]:,} of {coded[1]:,} reported terms"),
        (HEAD_FACT, journal.head(work.study)[0]),
    )
    sheets = (
        *_to_code(con, [name for name, _ in versions]),
        _to_approve(work.study),
        *_coded(con, [name for name, _ in versions]),
    )
    book = workbook.Workbook(
        work.study.id,
        f"Coding: {work.study.study.title}",
        work.as_of,
        work.run,
        work.snapshot.id,
        facts,
        listings=sheets,
    )
    workbook.write(path, book)
    return path


def _to_code(con: duckdb.DuckDBPyConnection, names: list[str]) -> Iterable[AnswerSheet]:
    """A sheet per dictionary: the verbatims without a code, the most frequent first, each once."""
    for name in names:
        found = con.execute(
            f"""SELECT verbatim, count(*) AS records, string_agg(DISTINCT form, ', ' ORDER BY form), any_value(status), any_value(flag), any_value(because)
                FROM coding WHERE dictionary = $1 AND status NOT IN {assign.CODED} GROUP BY verbatim ORDER BY records DESC, lower(verbatim), verbatim""",
            [name],
        ).fetchall()
        offers: dict[str, list[str]] = {}
        for verbatim, code, term, preferred, above, confidence in con.execute(
            "SELECT verbatim, code, term, preferred_term, class_term, confidence FROM coding_suggestions WHERE dictionary = ? ORDER BY verbatim, number",
            [name],
        ).fetchall():
            path = [preferred] if preferred and preferred.lower() != term.lower() else []
            under = "\n→ " + " · ".join(filter(None, [*path, above])) if path or above else ""
            offers.setdefault(verbatim, []).append(f"{term}\n{code} · {confidence} %{under}")
        rows = []
        for verbatim, records, forms, status, flag, because in found:
            offered = (offers.get(verbatim, []) + [None] * suggest.MOST)[: suggest.MOST]
            why = because[:1].upper() + because[1:] if because else ""
            marked = (
                Marked(f"Asked: {because}", "gone") if status == "query" else Marked(why, "changed") if flag else None
            )
            shown = Marked(verbatim, marked.mark) if marked else verbatim
            subject = decisions.subject_of(name, verbatim)
            rows.append((shown, None, *offered, marked, None, records, forms, row_id(subject)))
        yield AnswerSheet(
            f"{TO_CODE} ({name})", "Reported terms without a code",
            "Choose: the number of a suggestion, a code of the dictionary, or query (the site is asked; say what in the comment). Leave what you don't decide.",
            ("verbatim", "choice", *FROM_SUGGESTION.values(), "because", "comment", "records", "form", "row_id"), len(rows), rows,
            answers=(("choice", 12, ()), ("comment", 30, ())), frozen=2,
            widths=(("verbatim", 34), ("records", 9), ("form", 16), ("because", 30), *((column, 25) for column in FROM_SUGGESTION.values())),
            labels=(("records", "Records"), ("because", "Look at"), ("choice", "Choice"), ("comment", "Comment"), *((c, f"Suggestion {n}") for n, c in FROM_SUGGESTION.items()), ("row_id", "Row id")),
        )  # fmt: skip


def _to_approve(study: Study) -> AnswerSheet:
    waiting = sorted(
        (d.dictionary, words.folded(d.verbatim), subject, d)
        for subject, d in decisions.standing(study).items()
        if d.waiting
    )
    rows = [
        (
            d.verbatim,
            d.record_key or "all",
            d.term,
            d.code,
            d.dictionary,
            d.version,
            d.coder,
            d.coded_on,
            d.reason,
            None,
            None,
            row_id(subject),
        )
        for _, _, subject, d in waiting
    ]
    return AnswerSheet(
        TO_APPROVE, "Decisions that wait for a second person", "Answer yes or no; a no needs a comment. Nobody approves their own decisions.",
        ("verbatim", "records", "term", "code", "dictionary", "version", "coder", "coded_on", "reason", "approve", "comment", "row_id"), len(rows), rows,
        answers=(("approve", 12, ("yes", "no")), ("comment", 32, ())), frozen=1, widths=(("verbatim", 36), ("term", 36), ("reason", 30)),
        labels=(("records", "Record"), ("reason", "Coder's comment"), ("approve", "Approve"), ("comment", "Comment"), ("row_id", "Row id")),
    )  # fmt: skip


def _coded(con: duckdb.DuckDBPyConnection, names: list[str]) -> Iterable[AnswerSheet]:
    """A sheet per dictionary: what is coded, how, and a column to code it otherwise."""
    for name in names:
        found = con.execute(
            f"""SELECT verbatim, count(*) AS records, term, code, preferred_term, class_term, method, any_value(because), status, any_value(coder), any_value(approver)
                FROM coding WHERE dictionary = $1 AND status IN {assign.CODED}
                GROUP BY verbatim, term, code, preferred_term, class_term, method, status ORDER BY lower(verbatim), verbatim, code""",
            [name],
        ).fetchall()
        rows = [
            (
                *row[:6],
                f"{row[6]}: {row[7]}" if row[7] else row[6],
                *row[8:],
                None,
                None,
                row_id(decisions.subject_of(name, row[0])),
            )
            for row in found
        ]
        yield AnswerSheet(
            f"Coded ({name})", "Reported terms with their code", "To code one otherwise, give a code and say why; none takes a decision back, so that the machine codes it or it waits again.",
            ("verbatim", "records", "term", "code", "preferred_term", "class_term", "method", "status", "coder", "approver", "choice", "comment", "row_id"), len(rows), rows,
            answers=(("choice", 14, ()), ("comment", 30, ())), frozen=1, widths=(("verbatim", 36), ("records", 9), ("term", 32), ("preferred_term", 32), ("class_term", 30), ("method", 24)),
            labels=(("records", "Records"), ("class_term", "Class"), ("choice", "Other code"), ("comment", "Why"), ("row_id", "Row id")),
        )  # fmt: skip


def take_in(study: Study, path: Path, actor: str = "", role: str = "") -> Imported:
    """Read the choices and approvals of a coding workbook back into the journal, all or none.

    Rows are matched by row id, so they may be sorted, filtered or deleted. A choice that somebody else made otherwise after the workbook
    was written is a conflict and is left as it stands; the same file again is a no-op. Raises CdmError naming sheet and row of every
    altered id, unknown code or number, and when the person's role may not do what the file asks for.
    """
    if not actor:
        actor, role = journal.who(study)
    cells, facts = _read(path)
    if facts.get("Study") != study.id:
        raise CdmError(f"{path.name} is a coding workbook of study {facts.get('Study')!r}, not of {study.id}.")
    dictionaries = {name: dictionary.load(study, name) for name in study.dictionaries}
    for name, loaded in dictionaries.items():
        if facts.get(f"Dictionary {name}", loaded.version) != loaded.version:
            raise CdmError(
                f"{path.name} was written with {name} {facts[f'Dictionary {name}']}; the study now codes with {loaded.version}. Use a workbook of a run since then."
            )
    until = int(facts.get(HEAD_FACT) or 0)
    before, now = decisions.standing(study, until), decisions.standing(study)
    problems: list[str] = []
    choices = _choices(cells, dictionaries, problems)
    answers = _answers(cells, {row_id(subject): subject for subject in {**before, **now}}, problems)
    if problems:
        raise CdmError(listed(problems, f"{path.name} was not taken in:"))
    if choices:
        decisions.check_role(study, actor, role, "coding.decide")
    if answers:
        decisions.check_role(study, actor, role, "coding.approve")
    fresh, conflicts, already = [], [], 0
    for choice in choices:
        subject = decisions.subject_of(choice.dictionary, choice.verbatim)
        was, stands = before.get(subject), now.get(subject)
        if (stands and stands.code == choice.code and not stands.rejected) or not (stands or choice.code):
            already += 1
        elif stands and (not was or (was.code, was.coder) != (stands.code, stands.coder)):
            conflicts.append(
                f"{choice.verbatim!r}: the workbook says {choice.code}; {stands.coder} decided {stands.code} meanwhile, which stands"
            )
        else:
            fresh.append(choice)
    yes, no, signed = _to_sign(answers, now, before, actor, conflicts)
    already += signed
    batch = hashlib.sha256(path.read_bytes() + study.id.encode()).hexdigest()
    number = journal.head(study)[0]
    if fresh:
        decisions.decide(study, dictionaries, fresh, actor, role, f"{batch}-{number}-choices", facts.get("Run", ""))
    if yes:
        decisions.approve(study, yes, True, "", actor, role, f"{batch}-{number}-yes", facts.get("Run", ""))
    for subject, reason in no:
        decisions.approve(
            study, [subject], False, reason, actor, role, f"{batch}-{number}-{row_id(subject)}", facts.get("Run", "")
        )
    said = f"{path.name}: {len(fresh)} choices, {len(yes)} approvals and {len(no)} rejections taken in by {actor}, {already} stood so already, {len(conflicts)} conflicts."
    return Imported(len(fresh), len(yes), len(no), already, tuple(conflicts), said)


def _to_sign(
    answers: dict, now: dict[str, Decision], before: dict[str, Decision], actor: str, conflicts: list[str]
) -> tuple[list[str], list[tuple[str, str]], int]:
    """Which decisions are approved, which rejected, and how many were before; a decision that is another one by now is a conflict."""
    yes, no, own, signed = [], [], [], 0
    for subject, (place, good, reason) in answers.items():
        was, stands = before.get(subject), now.get(subject)
        if not stands or not was or stands.code != was.code:
            conflicts.append(f"{place}: can't approve, the decision is another one now")
        elif stands.coder == actor and stands.waiting:
            own.append(f"{place}: {stands.verbatim!r} was decided by {actor}")
        elif stands.waiting:
            yes += [subject] if good else []
            no += [] if good else [(subject, reason)]
        else:
            signed += 1
    if own:
        raise CdmError(
            listed(own, "Nothing was taken in. Nobody may approve their own decisions; another person must:")
        )
    return yes, no, signed


def _read(path: Path) -> tuple[list[tuple[str, str, dict[str, str]]], dict[str, str]]:
    """The rows with something entered (sheet, place, column → text) and the facts on the first sheet."""
    facts, rows = workbook.read(path, "coding", "row_id")
    if HEAD_FACT not in facts:
        raise CdmError(f"{path.name} does not say {HEAD_FACT!r} on its first sheet: it is not a coding workbook.")
    return [row for row in rows if row[2].get("choice") or row[2].get("approve")], facts


def _choices(cells: list, dictionaries: dict[str, Dictionary], problems: list[str]) -> list[Choice]:
    found: dict[str, Choice] = {}
    for sheet, place, given in cells:
        if not given.get("choice"):
            continue
        name = sheet.partition("(")[2].partition(")")[0]
        if name not in dictionaries:
            problems.append(
                f"{place}: the sheet's name must say its dictionary, as it was written: {TO_CODE} ({' or '.join(dictionaries)})"
            )
            continue
        subject = decisions.subject_of(name, given["verbatim"])
        if row_id(subject) != given["row_id"]:
            problems.append(
                f"{place}: {given['verbatim']!r} and its row id {given['row_id']!r} don't belong together; one of them was altered"
            )
            continue
        code, mistake = _code(given, dictionaries[name])
        if code == QUERY and not given.get("comment"):
            mistake = "say in the comment what the site is to be asked"
        if mistake:
            problems.append(f"{place}: {given['verbatim']!r}: {mistake}")
        elif subject in found and found[subject].code != code:
            problems.append(f"{place}: {given['verbatim']!r} is chosen another code in another row")
        else:
            found[subject] = Choice(name, given["verbatim"], code, given.get("comment", ""))
    return list(found.values())


def _code(given: dict[str, str], of: Dictionary) -> tuple[str, str]:
    """The code that a choice means, or what is wrong with it."""
    choice = given["choice"]
    if choice.lower() in QUESTION:
        return QUERY, ""
    if choice.lower() == TAKEN_BACK:
        return "", ""
    if choice in FROM_SUGGESTION:
        offer = OFFER.search(given.get(FROM_SUGGESTION[choice], ""))
        if not offer:
            return "", f"there is no suggestion {choice}"
        choice = offer[1]
    code = choice.replace(" ", "")
    code = code.zfill(11) if of.drug and code.isdigit() else code  # Excel may have made a number of it
    term = of.by_code.get(code)
    if not term:
        return "", f"{choice!r} is neither the number of a suggestion nor a code of {of.name} {of.version}"
    if not term.is_current:
        return "", f"{term.term} ({term.code}) is no longer current; choose a current term"
    return code, ""


def _answers(cells: list, subjects: dict[str, str], problems: list[str]) -> dict[str, tuple[str, bool, str]]:
    found = {}
    for _, place, given in cells:
        answer = given.get("approve", "").lower()
        if not answer:
            continue
        if given["row_id"] not in subjects:
            problems.append(
                f"{place}: {given['row_id']!r} is not a decision of this study; its id must have been altered"
            )
        elif answer not in ("yes", "no"):
            problems.append(f"{place}: approve must be yes or no; it is {given['approve']!r}")
        elif answer == "no" and not given.get("comment"):
            problems.append(f"{place}: a no needs a comment, so that the coder knows what to do")
        else:
            found[subjects[given["row_id"]]] = (place, answer == "yes", given.get("comment", ""))
    return found
