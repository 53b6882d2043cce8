"""Take a cleaning workbook back: what reviewers entered becomes acts in the journal, cell by cell, and nothing is overwritten unseen."""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from cdmlib import findings, journal, mart, people, workbook
from cdmlib.errors import CdmError, listed
from cdmlib.journal import Act, Entry
from cdmlib.study import Study

COLUMNS = {"review_status": "status", "review_comment": "comment", "owner": "owner", "review_expires": "expires"}


@dataclass(frozen=True)
class Conflict:
    """A cell that somebody else changed after the workbook was written: what the workbook had, what it says now, what stands."""

    finding_id: str
    field: str
    was: str
    given: str
    stands: str
    by: str


@dataclass(frozen=True)
class Imported:
    """What an import did: acts written to the journal, cells that already stood so, conflicts left for a person, findings not in the file."""

    acts: int
    already: int
    conflicts: tuple[Conflict, ...]
    absent: int
    said: str


def take_in(study: Study, path: Path, actor: str = "", role: str = "") -> Imported:
    """Read the reviewer columns of a cleaning workbook back into the journal.

    Rows are matched by finding id, so they may be sorted, filtered, moved or partly deleted. Each cell is compared with what it held when
    the workbook was written: a cell that was left alone changes nothing; one that somebody else changed meanwhile is a conflict and is left
    as it stands. The same file again is a no-op. Raises CdmError naming every altered id and unknown status; nothing is taken in then.
    """
    if not actor:
        actor, role = people.acting(study, "review")
    rows, run = _read(path)
    for _, given in rows:
        if given.get("review_status") == findings.EXPIRED:  # shown by the workbook itself: the reviewer left it alone
            del given["review_status"]
    before, now = _standing(study, run), journal.state(study, "review")
    known = _evidence(study, run)
    problems = [
        f"{place}: {given['finding_id']!r} is not a finding of run {run}; its id must have been altered"
        for place, given in rows
        if given["finding_id"] not in known
    ]
    problems += [
        f"{place}: the status {given['review_status']!r} must be one of {', '.join(workbook.STATUSES)}"
        for place, given in rows
        if given.get("review_status") and given["review_status"] not in workbook.STATUSES
    ]
    problems += [
        f"{place}: the waiver date {given['review_expires']!r} must be written YYYY-MM-DD"
        for place, given in rows
        if given.get("review_expires") and not _date(given["review_expires"])
    ]
    ids: dict[str, str] = {}
    for place, given in rows:
        other = ids.setdefault(given["finding_id"], place)
        if other != place:
            problems.append(f"{place}: finding {given['finding_id']} stands in {other} too")
    if problems:
        raise CdmError(listed(problems, f"{path.name} was not taken in:"))
    acts, conflicts, already = [], [], 0
    for _, given in rows:
        finding, mine = given["finding_id"], []
        for column, field in COLUMNS.items():
            if column not in given:
                continue
            value, was, entry = given[column], before.get((finding, field), ""), now.get((finding, field))
            stands = entry.new if entry else ""
            if value in (was, stands):
                already += value == stands != was
            elif stands != was:
                conflicts.append(Conflict(finding, field, was, value, stands, entry.actor if entry else ""))
            else:
                mine.append(Act("review", finding, field, was, value))
        if mine:
            held = now.get((finding, "evidence"))
            mine.append(Act("review", finding, "evidence", held.new if held else "", known[finding]))
        acts += mine
    batch = hashlib.sha256(path.read_bytes() + (study.id + run).encode()).hexdigest()
    if acts:
        journal.append(study, actor, role, acts, run=run, batch=f"{batch}-{_head(now)}")
    entered = sum(act.field != "evidence" for act in acts)
    absent = len(known) - len(rows)
    said = f"{path.name} of run {run}: {entered} entries taken in by {actor}, {already} stood so already, {len(conflicts)} conflicts; {absent} findings of the run are not in the file."
    return Imported(entered, already, tuple(conflicts), absent, said)


def enter(study: Study, run: str, finding_id: str, was: dict[str, str], given: dict[str, str], actor: str = "") -> None:
    """Enter a review of one finding of a run: fields status, comment, owner, expires, each with what it was when the reviewer began.

    actor: the person who has signed in; the acting person when empty. Raises CdmError for an unknown finding, status or field, for a
    date that is not one, and for a field that somebody else changed meanwhile; nothing is entered then. What stands so already is no act.
    """
    actor, role = people.acting(study, "review", actor)
    known = _evidence(study, run)
    problems = [f"{field!r} can't be entered; the fields are {', '.join(COLUMNS.values())}" for field in given.keys() - set(COLUMNS.values())]
    if finding_id not in known:
        problems.append(f"{finding_id!r} is not a finding of run {run}")
    if given.get("status") and given["status"] not in workbook.STATUSES:
        problems.append(f"the status {given['status']!r} must be one of {', '.join(workbook.STATUSES)}")
    if given.get("expires") and not _date(given["expires"]):
        problems.append(f"the waiver date {given['expires']!r} must be written YYYY-MM-DD")
    now = journal.state(study, "review")
    stands = {field: entry.new for (subject, field), entry in now.items() if subject == finding_id}
    for field, value in given.items():
        if stands.get(field, "") not in (was.get(field, ""), value):
            by = now[finding_id, field].actor
            problems.append(f"{field}: {by} entered {stands[field]!r} meanwhile; you had {was.get(field, '')!r}. Look at it again first")
    if problems:
        raise CdmError(listed(sorted(problems), "The review was not entered:"))
    acts = [Act("review", finding_id, field, stands.get(field, ""), value.strip()) for field, value in given.items() if value.strip() != stands.get(field, "")]
    if acts:
        acts.append(Act("review", finding_id, "evidence", stands.get("evidence", ""), known[finding_id]))
        journal.append(study, actor, role, acts, run=run)


def _read(path: Path) -> tuple[list[tuple[str, dict[str, str]]], str]:
    """The rows of every check sheet with something entered (place, column → text) and the run that wrote the workbook."""
    facts, cells = workbook.read(path, "cleaning", "finding_id")
    kept = [(place, {name: given[name] for name in given if name in COLUMNS or name == "finding_id"}) for _, place, given in cells if "review_status" in given]
    if not facts.get("Run"):
        raise CdmError(f"{path.name}: its sheet {workbook.CONTENTS} does not say which run wrote it. Use the workbook as the run made it.")
    return [(place, given) for place, given in kept if any(given.values())], facts["Run"]


def _standing(study: Study, run: str) -> dict[tuple[str, str], str]:
    """What each review said when the run's workbook was written: the journal up to the head that the run recorded."""
    manifest = study.folder / "runs" / run / "manifest.json"
    if not manifest.exists():
        raise CdmError(f"The workbook says that run {run} wrote it, but study {study.id} has no such run.")
    seq = (json.loads(manifest.read_text(encoding="utf-8")).get("journal_head") or {}).get("seq", 0)
    return {(entry.subject, entry.field): entry.new for entry in journal.read(study, act="review") if entry.seq <= seq}


def _evidence(study: Study, run: str) -> dict[str, str]:
    """The values each finding of the run was made on, by finding id."""
    with mart.open_run(study, run) as con:
        return dict(con.execute("SELECT finding_id, CAST(evidence AS VARCHAR) FROM findings").fetchall())


def _head(now: dict[tuple[str, str], Entry]) -> int:
    return max((entry.seq for entry in now.values()), default=0)


def _date(text: str) -> bool:
    try:
        return bool(datetime.date.fromisoformat(text))
    except ValueError:
        return False
