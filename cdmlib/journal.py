"""The journal: what people and the system decided about a study, only ever added to, each entry sealed to the one before.

It is a file in the study folder (SQLite) or a PostgreSQL database, which several studies may share.
"""

from __future__ import annotations

import csv
import getpass
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from cdmlib.errors import CdmError
from cdmlib.study import Study

PATIENCE = 120  # seconds that a writer waits for those before it
LONGEST = 500  # characters of every text but old, new and reason


@dataclass(frozen=True)
class Act:
    """One decision: what was done, to what, its old and new value, and why."""

    act: str
    subject: str
    field: str = ""
    old: str = ""
    new: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Entry:
    """A decision as the journal keeps it: numbered from 1 within its study, with who and when, sealed by its hash."""

    study: str
    seq: int
    utc: str
    local_offset: str
    actor: str
    role: str
    act: str
    subject: str
    field: str
    old: str
    new: str
    reason: str
    run: str
    batch: str
    prev_hash: str
    hash: str


@dataclass(frozen=True)
class Verification:
    """What verifying came to: `said` tells it, `first_bad` is the first entry that isn't as it was written."""

    entries: int
    ok: bool
    first_bad: int | None
    said: str
    warnings: tuple[str, ...] = ()


NAMES = tuple(f.name for f in fields(Entry))
TABLE = sa.Table(
    "journal",
    sa.MetaData(),
    *(sa.Column(name, sa.Integer if name == "seq" else sa.Text, nullable=False) for name in NAMES),
    sa.PrimaryKeyConstraint("study", "seq"),
    sqlite_with_rowid=False,  # a hidden row number would let INSERT OR REPLACE remove an entry past every trigger
)
BATCHES = TABLE.c.batch != ""
sa.Index("journal_batch", TABLE.c.study, TABLE.c.batch, sqlite_where=BATCHES, postgresql_where=BATCHES)

REFUSAL = "the journal only grows: entries are neither changed nor removed"
REFUSE = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
NEXT = "(SELECT coalesce(max(seq), 0) + 1 FROM journal WHERE study = NEW.study)"
GUARDS = {  # the triggers by name, each with the text by which the database must show it
    "sqlite": {
        "journal_no_update": f"CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal {REFUSE}",
        "journal_no_delete": f"CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal {REFUSE}",
        "journal_in_order": f"CREATE TRIGGER journal_in_order BEFORE INSERT ON journal WHEN NEW.seq IS NOT {NEXT} {REFUSE}",
    },
    "postgresql": {"journal_only_grows": f"BEGIN RAISE EXCEPTION '{REFUSAL}'; END"},
}
GUARDS_THERE = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'journal'",
    "postgresql": "SELECT tgname, CASE WHEN tgtype = 58 AND tgenabled = 'A' AND tgqual IS NULL THEN prosrc END "
    "FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid WHERE tgrelid = to_regclass('journal') AND NOT tgisinternal",
}
POSTGRESQL_GUARD = (
    "CREATE OR REPLACE FUNCTION {0}() RETURNS trigger LANGUAGE plpgsql AS $${1}$$",
    "DROP TRIGGER IF EXISTS {0} ON journal",
    "CREATE TRIGGER {0} BEFORE UPDATE OR DELETE OR TRUNCATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION {0}()",
    "ALTER TABLE journal ENABLE ALWAYS TRIGGER {0}",
)


def append(study: Study, actor: str, role: str, acts: Sequence[Act], run: str = "", batch: str = "") -> list[Entry]:
    """Add acts in their order, all or none, and return their entries; a batch that is there already is returned as it is.

    Raises CdmError when they can't be written: then nothing was decided, and the same batch can safely be given again.
    """
    _check("the call", actor=actor, role=role, run=run, batch=batch)
    for number, act in enumerate(acts, start=1):
        _check(f"act {number}", **vars(act))
    with _open(study, write=True) as con:
        written = [(actor, role, batch, act) for act in acts]
        if restored := _prepare(con):
            why = "these triggers were missing or changed; they were put back before this entry"
            written.insert(0, ("cdmlib", "system", "", Act("journal.guarded", ", ".join(restored), reason=why)))
        if batch and (there := _entries(con, _of(study).where(TABLE.c.batch == batch))):
            return there
        seq, last = _head(con, study)
        if seq == 0 and any(known for known, *_ in anchors(study)):
            raise CdmError(f"{_place(study)} has no entries of study {study.id}, but its runs recorded some. Restore the journal first.")
        entries = []
        utc, offset = _now()
        for actor, role, batch, act in written:
            who_and_when = {"utc": utc, "local_offset": offset, "actor": actor, "role": role}
            values = {"study": study.id, "seq": seq + 1, **who_and_when, **vars(act), "run": run, "batch": batch, "prev_hash": last}
            entries.append(Entry(**values, hash=_hash(values)))
            seq, last = entries[-1].seq, entries[-1].hash
        if entries:
            con.execute(TABLE.insert(), [vars(entry) for entry in entries])
        if _head(con, study) != (seq, last):
            raise CdmError(f"{_place(study)} did not keep what was written to it: a rule or trigger of the database is in the way.")
    return entries[-len(acts) :] if acts else []


def read(study: Study, since: int = 0, **filters: str) -> list[Entry]:
    """The entries after number `since`, in order, with these values: `read(study, act="review.status", actor="anna")`."""
    if unknown := sorted(filters.keys() - set(NAMES)):
        raise CdmError(f"The journal has no {', '.join(unknown)}; there are {', '.join(NAMES)}.")
    with _open(study) as con:
        wanted = (TABLE.c[name] == value for name, value in filters.items())
        return _entries(con, _of(study).where(TABLE.c.seq > since, *wanted)) if con else []


def state(study: Study, act: str) -> dict[tuple[str, str], Entry]:
    """What stands: the latest entry of this kind of act by (subject, field)."""
    of_act = sa.select(sa.func.max(TABLE.c.seq)).where(TABLE.c.study == study.id, TABLE.c.act == act)
    with _open(study) as con:
        latest = _of(study).where(TABLE.c.seq.in_(of_act.group_by(TABLE.c.subject, TABLE.c.field)))
        return {(entry.subject, entry.field): entry for entry in _entries(con, latest)} if con else {}


def head(study: Study) -> tuple[int, str]:
    """Number and hash of the last entry, to be recorded elsewhere; (0, "") when there is none."""
    with _open(study) as con:
        return _head(con, study) if con else (0, "")


def anchors(study: Study) -> list[tuple[int, str, str]]:
    """The heads that the manifests of the study's runs recorded as `journal_head`: number, hash, run."""
    found = []
    for path in sorted(study.folder.glob("runs/*/manifest.json")):
        try:
            if known := json.loads(path.read_text(encoding="utf-8")).get("journal_head"):
                found.append((int(known["seq"]), str(known["hash"]), f"run {path.parent.name}"))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CdmError(f"{path} can't be read ({error}), so what it recorded of the journal is unknown. Restore it first.") from None
    return found


def verify(study: Study, against: Iterable[tuple] | None = None) -> Verification:
    """Work out every hash from the first entry on, and compare with heads recorded elsewhere (the manifests of the runs if none given).

    Nothing here can show, after the last recorded head, that entries were cut off or rewritten with new hashes, nor that an
    entry was well made by somebody who went past this program: record heads often, and out of reach of who writes the database.
    """
    recorded = sorted(anchors(study) if against is None else against)
    count, first_bad, faults, warnings, before, seen = 0, None, [], [], None, {}
    try:
        with _open(study) as con:
            if con:
                missing, unknown = _guards(con)
                faults += [f"The trigger {name} is missing or changed: entries could be changed or removed." for name in missing]
                warnings += [f"The trigger {name} on the journal is not of this program." for name in unknown]
            for row in con.execute(_of(study), execution_options={"stream_results": True}) if con else ():
                count += 1
                if first_bad is None and (fault := _fault(Entry(*row), before, seen, recorded)):
                    first_bad = fault[0]
                    faults.insert(0, fault[1])
                if first_bad is None:
                    entry = Entry(*row)
                    seen[entry.hash] = entry.seq
                    if before and entry.utc < before.utc:
                        warnings.append(f"Entry {entry.seq} is dated {entry.utc}, before entry {before.seq} ({before.utc}): a clock was set back.")
                    before = entry
    except CdmError as error:
        first_bad, faults = first_bad or (count + 1 if count else None), [*faults, str(error)]
    if recorded and recorded[-1][0] > count:
        first_bad = first_bad or count + 1
        faults.append(f"Entries up to {recorded[-1][0]} were recorded by {_by(recorded[-1])}, but the journal has {count} entries: the rest is missing.")
    held = max((seq for seq, *_ in recorded), default=0)
    good = f"{count} entries, each as it was written. Recorded heads hold the first {held}; the {count - held} after them only hold each other."
    said = "\n".join([*(faults or [good]), *warnings])
    return Verification(count, not faults, first_bad, said, tuple(warnings))
