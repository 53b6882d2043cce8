"""What coders decide and second persons approve: acts in the journal, each checked against the role of the person who acts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from cdmlib import journal, people
from cdmlib.coding import words
from cdmlib.coding.dictionary import Dictionary
from cdmlib.errors import CdmError, listed
from cdmlib.journal import Act, Entry
from cdmlib.study import Study

ACT = "coding"
LONGEST = 350  # characters of a verbatim in the subject of an act; what is longer is told apart by its hash
QUERY = "QUERY"  # in place of a code: the term can't be coded as reported, the site is asked
SAID = {"coding.decide": "decide on codes", "coding.approve": "approve codes"}


@dataclass(frozen=True)
class Choice:
    """What a coder chose: a code, QUERY, or nothing (taken back), for a verbatim or, with record_key, for one record alone."""

    dictionary: str
    verbatim: str
    code: str
    reason: str = ""
    record_key: str = ""


@dataclass(frozen=True)
class Decision:
    """A choice as it stands in the journal, with who and when, and what a second person said of it."""

    dictionary: str
    verbatim: str
    record_key: str
    code: str
    term: str
    version: str
    reason: str
    coder: str
    coded_on: str
    approver: str
    approved_on: str
    rejected: str

    @property
    def waiting(self) -> bool:
        """Whether a second person has yet to look at it."""
        return self.code not in ("", QUERY) and not self.approver and not self.rejected


def subject_of(dictionary: str, verbatim: str, record_key: str = "") -> str:
    """What the journal calls a choice: dictionary and verbatim, or dictionary and record."""
    text = words.folded(verbatim)
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} … {hashlib.md5(text.encode()).hexdigest()}"
    return f"{dictionary}@{record_key}" if record_key else f"{dictionary}|{text}"


def standing(study: Study, until: int | None = None) -> dict[str, Decision]:
    """The decisions by subject, as they stand or as they stood at entry number `until` of the journal."""
    return decided(entry for entry in journal.read(study, act=ACT) if until is None or entry.seq <= until)


def subjects(study: Study, verbatims: Sequence[str] = ()) -> list[str]:
    """What the journal calls the decisions that wait, all or those on these verbatims. Raises CdmError for one that does not wait."""
    waiting = {subject: words.folded(d.verbatim) for subject, d in standing(study).items() if d.waiting}
    wanted = {words.folded(verbatim) for verbatim in verbatims}
    if unknown := sorted(wanted - set(waiting.values())):
        raise CdmError(
            listed([f"{text!r} has no decision that waits for approval" for text in unknown], "Nothing was approved:")
        )
    return [subject for subject, text in waiting.items() if not wanted or text in wanted]


def decided(entries: Sequence[Entry]) -> dict[str, Decision]:
    """The decisions that entries of the journal come to; an approval counts for the code that it was given to."""
    found: dict[str, dict[str, Entry]] = {}
    for entry in entries:
        held = found.setdefault(entry.subject, {})
        held[entry.field] = entry
        if entry.field == "code":
            held.pop("approval", None)
    decisions = {}
    for subject, held in found.items():
        if "code" not in held or not held["code"].new:
            continue
        code, on = held["code"], json.loads(held["evidence"].new)
        word, _, about = held["approval"].new.partition(" ") if "approval" in held else ("", "", "")
        good, bad = word == "approved" and about == code.new, word == "rejected" and about == code.new
        decisions[subject] = Decision(
            on["dictionary"], on["verbatim"], on["record_key"], code.new, on["term"], on["version"], code.reason, code.actor, code.utc[:10],
            held["approval"].actor if good else "", held["approval"].utc[:10] if good else "",
            f"rejected by {held['approval'].actor}: {held['approval'].reason}" if bad else "",
        )  # fmt: skip
    return decisions


def may(study: Study, act: str) -> tuple[str, str]:
    """The acting person and role. Raises CdmError when the role may not do `coding.decide` or `coding.approve`; nothing is kept then."""
    check_role(study, *journal.who(study), act)
    return people.acting(study, act)


def check_role(study: Study, actor: str, role: str, act: str) -> None:
    """Refuse a role that may not do this, and say which roles may and how a person gets one."""
    roles = people.permissions()[act]
    if role in roles:
        return
    wanted = " or ".join(f'role = "{name}"' for name in roles)
    how = f'Add the person to {study.folder / "study.toml"}:\n\n[[people]]\nid = "{actor}"\nname = "…"\nrole = "{roles[0]}"'
    raise CdmError(f"{actor} ({role}) may not {SAID[act]}; that takes somebody with {wanted}. {how}")


def decide(
    study: Study,
    dictionaries: dict[str, Dictionary],
    choices: Sequence[Choice],
    actor: str = "",
    role: str = "",
    batch: str = "",
    run: str = "",
) -> list[Entry]:
    """Write a coder's choices to the journal, all or none; those that stand already are left out.

    Raises CdmError when the person may not decide, for a code that the dictionary does not have as a current term, and for a question
    to the site without its text.
    """
    actor, role = (actor, role) if actor else may(study, "coding.decide")
    check_role(study, actor, role, "coding.decide")
    acts, problems, now = [], [], standing(study)
    for choice in choices:
        dictionary = dictionaries[choice.dictionary]
        term = dictionary.by_code.get(choice.code)
        if choice.code == QUERY and not choice.reason.strip():
            problems.append(f"{choice.verbatim!r}: say in the comment what the site is to be asked")
        elif choice.code not in ("", QUERY) and not term:
            problems.append(f"{choice.verbatim!r}: {choice.code!r} is not in {choice.dictionary} {dictionary.version}")
        elif term and not term.is_current:
            problems.append(
                f"{choice.verbatim!r}: {term.term} ({term.code}) is no longer current in {choice.dictionary} {dictionary.version}; choose a current term"
            )
        subject = subject_of(choice.dictionary, choice.verbatim, choice.record_key)
        held = now.get(subject)
        before = held.code if held else ""
        if choice.code == before and not (held and held.rejected):
            continue
        on = {
            "dictionary": choice.dictionary,
            "verbatim": choice.verbatim,
            "record_key": choice.record_key,
            "term": term.term if term else "",
            "version": dictionary.version,
        }
        acts.append(Act(ACT, subject, "evidence", "", json.dumps(on, ensure_ascii=False, sort_keys=True)))
        acts.append(Act(ACT, subject, "code", before, choice.code, choice.reason))
    if problems:
        raise CdmError(listed(problems, "Nothing was taken in:"))
    return (
        [entry for entry in journal.append(study, actor, role, acts, run=run, batch=batch) if entry.field == "code"]
        if acts
        else []
    )


def approve(
    study: Study,
    subjects: Sequence[str] | None = None,
    good: bool = True,
    reason: str = "",
    actor: str = "",
    role: str = "",
    batch: str = "",
    run: str = "",
) -> tuple[list[Decision], list[Decision]]:
    """Approve decisions that wait, or (good=False) reject them with a reason; all that others made when no subjects are given.

    Returns what was approved or rejected, and what was left because the person decided it. Raises CdmError when the person may not
    approve, names a decision of their own, or has nothing to approve but their own.
    """
    actor, role = (actor, role) if actor else may(study, "coding.approve")
    check_role(study, actor, role, "coding.approve")
    now = standing(study)
    waiting = {subject: decision for subject, decision in now.items() if decision.waiting}
    if unknown := [subject for subject in subjects or () if subject not in waiting]:
        raise CdmError(
            listed([f"{subject!r} does not wait for approval" for subject in unknown], "Nothing was approved:")
        )
    wanted = {subject: waiting[subject] for subject in (subjects if subjects is not None else waiting)}
    own = [decision for decision in wanted.values() if decision.coder == actor]
    if own and (subjects is not None or len(own) == len(wanted)):
        texts = [f"{decision.verbatim!r} was decided by {actor}" for decision in own]
        raise CdmError(listed(texts, "Nobody may approve their own decisions; another person must:"))
    if not good and not reason.strip():
        raise CdmError("A rejection needs its reason, so that the coder knows what to do.")
    chosen = {subject: decision for subject, decision in wanted.items() if decision.coder != actor}
    word = "approved" if good else "rejected"
    acts = [
        Act(ACT, subject, "approval", "", f"{word} {decision.code}", reason)
        for subject, decision in sorted(chosen.items())
    ]
    if acts:
        journal.append(study, actor, role, acts, run=run, batch=batch)
    return list(chosen.values()), own
