"""Take a cleaning workbook back: what reviewers entered becomes acts in the journal, cell by cell, and nothing is overwritten unseen."""

from __future__ import annotations

import datetime
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import python_calamine

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
    """The rows of every check sheet (place, column → text) and the run that wrote the workbook."""
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
    except Exception as error:
        raise CdmError(f"{path} can't be read as an Excel workbook: {error}.") from None
    if workbook.CONTENTS not in book.sheet_names:
        raise CdmError(
            f"{path.name} has no sheet {workbook.CONTENTS}: it is not a cleaning workbook, or its first sheet was deleted."
        )
    facts = {
        str(row[0]).strip(): str(row[1]).strip()
        for row in book.get_sheet_by_name(workbook.CONTENTS).to_python(skip_empty_area=False)
        if len(row) > 1 and row[0]
    }
    rows = []
    for sheet in book.sheet_names:
        table = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        head = next(
            (at for at, row in enumerate(table[:10]) if any(str(cell).endswith("\nfinding_id") for cell in row)), None
        )
        if head is None:
            continue
        names = [str(cell).rsplit("\n", 1)[-1].strip() for cell in table[head]]
        if "review_status" not in names:
            continue
        for at, row in enumerate(table[head + 1 :], start=head + 2):
            given = {
                name: _text(cell)
                for name, cell in zip(names, row, strict=True)
                if name in COLUMNS or name == "finding_id"
            }
            if any(given.values()):
                rows.append((f"sheet {sheet} row {at}", given))
    if not facts.get("Run"):
        raise CdmError(
            f"{path.name}: its sheet {workbook.CONTENTS} does not say which run wrote it. Use the workbook as the run made it."
        )
    return rows, facts["Run"]


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


def _text(cell: object) -> str:
    """A cell as the reviewer sees it; a date that Excel made of typed text as ISO."""
    if isinstance(cell, datetime.datetime | datetime.date):
        return cell.isoformat()[:10]
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _date(text: str) -> bool:
    try:
        return bool(datetime.date.fromisoformat(text))
    except ValueError:
        return False
