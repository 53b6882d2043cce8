"""The journal: what people and the system decided about a study, only added to, each entry sealed to the one before.

It is a file in the study folder (SQLite) or a PostgreSQL database, which several studies may share.
"""

from __future__ import annotations

import csv
import getpass
import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from cdmlib import standing
from cdmlib.errors import CdmError
from cdmlib.standing import Standing
from cdmlib.study import Study

PATIENCE = 120  # seconds that a writer waits for those before it
LONGEST = 500  # characters of every text but old, new and reason
HEADS = "journal.heads"  # in the study folder: the number and hash of the last entry of every append
HEAD = re.compile(r"\+ (\d+) ([0-9a-f]{64}) \S+")


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
    """What verifying came to: `said` tells it, `first_bad` is the first entry that can't be as it was written."""

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
sa.Index("journal_batch", TABLE.c.study, TABLE.c.batch)

LOCK = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": f"SELECT set_config('lock_timeout', '{PATIENCE}s', true), pg_advisory_xact_lock(hashtext('journal'))",
}
REFUSAL = "the journal only grows: entries are neither changed nor removed"
REFUSE = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
NEXT = "(SELECT coalesce(max(seq), 0) + 1 FROM journal WHERE study = NEW.study)"
GUARDS = {  # the triggers by name, each with the text by which the database must show it
    "sqlite": {
        "journal_update": f"CREATE TRIGGER journal_update BEFORE UPDATE ON journal {REFUSE}",
        "journal_delete": f"CREATE TRIGGER journal_delete BEFORE DELETE ON journal {REFUSE}",
        "journal_order": f"CREATE TRIGGER journal_order BEFORE INSERT ON journal WHEN NEW.seq IS NOT {NEXT} {REFUSE}",
    },
    "postgresql": {"journal_guard": f"BEGIN RAISE EXCEPTION '{REFUSAL}'; END"},
}
GUARDS_THERE = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'journal'",
    "postgresql": "SELECT tgname, CASE WHEN tgtype = 58 AND tgenabled = 'A' AND tgqual IS NULL THEN prosrc END "
    "FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid WHERE tgrelid = to_regclass('journal') AND NOT tgisinternal",
}
PUT_GUARD = {
    "sqlite": ("DROP TRIGGER IF EXISTS {0}", "{1}"),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION {0}() RETURNS trigger LANGUAGE plpgsql AS $${1}$$",
        "DROP TRIGGER IF EXISTS {0} ON journal",
        "CREATE TRIGGER {0} BEFORE UPDATE OR DELETE OR TRUNCATE ON journal FOR EACH STATEMENT EXECUTE FUNCTION {0}()",
        "ALTER TABLE journal ENABLE ALWAYS TRIGGER {0}",
    ),
}


def append(study: Study, actor: str, role: str, acts: Sequence[Act], run: str = "", batch: str = "") -> list[Entry]:
    """Add acts in their order, all or none, and return their entries; a batch that is there is returned as it is.

    Raises CdmError when they can't be written, or may not be where the study stands on its way to the lock: nothing was
    decided then, and the same batch can safely be given again.
    """
    for number, act in enumerate(acts, start=1):
        _check(f"of act {number}", vars(act) | {"actor": actor, "role": role, "run": run, "batch": batch})
    with _open(study, write=True) as con:
        new = not sa.inspect(con).has_table("journal")
        if new:
            TABLE.create(con)
        elif batch and (there := _entries(con, TABLE.c.study == study.id, TABLE.c.batch == batch)):
            return there
        signed = [(actor, role, batch, act) for act in acts]
        if (lost := _put_guards(con)) and not new:
            why = "triggers of the journal were missing or changed; they were put back before this entry"
            signed.insert(0, ("cdmlib", "system", "", Act("journal.guarded", ", ".join(lost), reason=why)))
        number, last = _head(con, study)
        if number == 0 and anchors(study):
            raise CdmError(
                f"{_place(study)} has lost the entries that runs of {study.id}, or {HEADS}, recorded. Restore it first."
            )
        utc, offset = _now()
        _refuse(con, study, actor, acts, utc)
        entries: list[Entry] = []
        for seq, (by, by_role, of_batch, act) in enumerate(signed, start=number + 1):
            values = {"study": study.id, "seq": seq, "utc": utc, "local_offset": offset, "actor": by, "role": by_role}
            values |= vars(act) | {"run": run, "batch": of_batch, "prev_hash": last}
            entries.append(Entry(**values, hash=_hash(values)))
            last = entries[-1].hash
        if entries:
            con.execute(TABLE.insert(), [vars(entry) for entry in entries])
        if _entries(con, TABLE.c.study == study.id, TABLE.c.seq > number) != entries:
            raise CdmError(f"{_place(study)} didn't keep what was written: a rule or trigger there is in the way.")
        announced = _announce(study, entries[-1]) if entries else None
    if announced is not None:
        _confirm(study, announced)
    return entries[len(signed) - len(acts) :]


def stands(study: Study) -> Standing:
    """Where the study stands on its way to the lock."""
    with _open(study) as con:
        return _stands(con, study) if con else Standing()


def _stands(con: sa.Connection, study: Study) -> Standing:
    of_locks = sa.or_(TABLE.c.act.startswith("lock."), TABLE.c.act.startswith("unlock."))
    return standing.fold(_entries(con, TABLE.c.study == study.id, of_locks))


def _refuse(con: sa.Connection, study: Study, actor: str, acts: Sequence[Act], utc: str) -> None:
    """Raise CdmError for an act that the study's lock does not allow; asked within the transaction that would write it."""
    stands = _stands(con, study)
    role = {person.id: person.role for person in study.people}.get(actor, "not one of the people in study.toml")
    of_locks = [act for act in acts if act.act.startswith(("lock.", "unlock."))]
    if len(of_locks) > 1:
        raise CdmError("Only one step of a lock can be taken at a time.")
    for act in acts:
        if why := standing.refusal(stands, act, actor, role, utc):
            raise CdmError(f"Study {study.id}, {act.act}: {why}.")


def read(study: Study, since: int = 0, **filters: str) -> list[Entry]:
    """The entries after number `since`, in order, that have these values: `read(study, act="review.status")`."""
    if unknown := sorted(filters.keys() - set(NAMES)):
        raise CdmError(f"The journal has no {', '.join(unknown)}; there are {', '.join(NAMES)}.")
    wanted = (TABLE.c[name] == value for name, value in filters.items())
    with _open(study) as con:
        return _entries(con, TABLE.c.study == study.id, TABLE.c.seq > since, *wanted) if con else []


def state(study: Study, act: str) -> dict[tuple[str, str], Entry]:
    """What stands: the latest entry of this kind of act by (subject, field)."""
    of_act = sa.select(sa.func.max(TABLE.c.seq)).where(TABLE.c.study == study.id, TABLE.c.act == act)
    latest = TABLE.c.seq.in_(of_act.group_by(TABLE.c.subject, TABLE.c.field))
    with _open(study) as con:
        there = _entries(con, TABLE.c.study == study.id, latest) if con else []
    return {(entry.subject, entry.field): entry for entry in there}


def head(study: Study) -> tuple[int, str]:
    """Number and hash of the last entry, to be recorded elsewhere; (0, "") when there is none."""
    with _open(study) as con:
        return _head(con, study) if con else (0, "")


def anchors(study: Study) -> list[tuple[int, str, str]]:
    """The heads recorded outside the journal: by every append in journal.heads, by each run in its manifest.

    Gives number, hash, and who recorded it, in the order of the numbers.
    """
    found = _heads(study)
    for path in sorted(study.folder.glob("runs/*/manifest.json")):
        try:
            known = json.loads(path.read_text(encoding="utf-8")).get("journal_head") or {"seq": 0}
            if known["seq"] > 0:
                found.append((known["seq"], str(known["hash"]), f"run {path.parent.name}"))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CdmError(f"{path} can't say what it recorded of the journal: {error!r}. Restore it first.") from None
    return sorted(found)


def verify(study: Study, against: Iterable[tuple] | None = None) -> Verification:
    """Work out every hash again and compare with heads recorded elsewhere: those given, else all that the study folder has.

    Every append records its head in journal.heads and every run in its manifest, so a change to the database alone is
    seen. What remains: whoever can write to the database and to these files can make them agree, and so can an older
    copy of the whole folder; nothing shows that somebody added a well-made entry past this program. Against the first
    two, keep heads where those people can't write, and give them here.
    """
    recorded = sorted(anchors(study) if against is None else against)
    try:
        with _open(study) as con:
            lost, foreign = _guards(con) if con else ([], [])
            every = _of(TABLE.c.study == study.id).execution_options(stream_results=True)
            count, bad, warnings = _walk((Entry(*row) for row in (con.execute(every) if con else ())), recorded)
    except CdmError as error:
        return Verification(0, False, None, str(error))
    held = recorded[-1][0] if recorded else 0
    if not bad and held > count:
        bad = count + 1, f"Entries {count + 1} to {held} are missing: {_by(recorded[-1])} recorded entry {held}."
    faults = [bad[1]] if bad else []
    faults += [f"Trigger {name} is missing or changed, so that entries could be changed or removed." for name in lost]
    warnings += [f"Trigger {name} on the journal is not ours." for name in foreign]
    good = f"{count} entries, each as it was written. "
    good += f"{_by(recorded[-1])} vouches for the first {held}." if held else "No recorded head vouches for them."
    if 0 < held < count:
        good += " Nothing vouches for those after."
    if against is None and count and not (study.folder / HEADS).exists():
        warnings.append(f"{HEADS} is missing from {study.folder}: only the runs vouch for entries.")
    said = "\n".join([*(faults or [good]), *warnings])
    return Verification(count, not faults, bad[0] if bad else None, said, tuple(warnings))


def export(study: Study, path: Path) -> int:
    """Write every entry with every column, verbatim, to a .csv or .jsonl file; return how many there are."""
    if path.suffix not in (".csv", ".jsonl"):
        raise CdmError(f"{path.name} must end in .csv or .jsonl.")
    entries = [vars(entry) for entry in read(study)]
    working = path.with_name(f".{path.name}.{os.getpid()}")
    with working.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
        if path.suffix == ".csv":
            csv.writer(file).writerows([NAMES, *(entry.values() for entry in entries)])
        else:
            file.writelines(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        file.flush()
        os.fsync(file.fileno())
    working.replace(path)
    return len(entries)


def as_line(entry: Entry) -> str:
    """An entry as one line of JSON, verbatim."""
    return json.dumps(vars(entry), ensure_ascii=False) + "\n"


def from_lines(text: str) -> list[Entry]:
    """The entries that lines of JSON hold. Raises CdmError when they are not whole."""
    try:
        return [Entry(**json.loads(line)) for line in text.split("\n") if line]
    except (ValueError, TypeError) as error:
        raise CdmError(f"These lines are not journal entries: {error}.") from None


def restore(study: Study, entries: Sequence[Entry]) -> None:
    """Put entries of a copy back, word for word, into a journal that has none. Raises CdmError when it has some, or when their chain is broken."""
    _, bad, _ = _walk(entries, [])
    if bad:
        raise CdmError(f"The copy of the journal can't be put back: {bad[1]}")
    with _open(study, write=True) as con:
        if sa.inspect(con).has_table("journal") and _head(con, study)[0]:
            raise CdmError(f"{_place(study)} has entries of {study.id} already; nothing was put back.")
        if not sa.inspect(con).has_table("journal"):
            TABLE.create(con)
        _put_guards(con)
        for entry in entries:
            con.execute(TABLE.insert(), vars(entry))


def who(study: Study) -> tuple[str, str]:
    """The acting person and role: $CDM_USER or the signed-in user, who must be listed where the study lists people."""
    try:
        actor = os.environ.get("CDM_USER") or getpass.getuser()
    except (OSError, KeyError, ImportError):
        raise CdmError("The journal can't say who acts: nobody is signed in. Set CDM_USER to your user name.") from None
    roles = {person.id: person.role for person in study.people}
    if roles and actor not in roles:
        there = ", ".join(f"{person.id} ({person.role})" for person in study.people)
        raise CdmError(f"{actor!r} is not one of the people in study.toml: {there}. Add them, or set CDM_USER.")
    return actor, roles.get(actor, "unlisted")


def _announce(study: Study, last: Entry) -> int:
    """Write down the head that an append is about to have; returns where its mark stands. Nothing is added if this fails."""
    line = f"? {last.seq} {last.hash} {last.utc}\n"
    with (study.folder / HEADS).open("a+b") as file:
        end = file.seek(0, os.SEEK_END)
        if end and os.pread(file.fileno(), 1, end - 1) != b"\n":  # left by an append that found the disk full
            end += file.write(b"\n")
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())
    return end


def _confirm(study: Study, place: int) -> None:
    """Mark an announced head as that of entries which are in the journal now; takes no room, so a full disk can't stop it."""
    with suppress(OSError):  # the entries are there; the next append's head vouches for them too
        handle = os.open(study.folder / HEADS, os.O_WRONLY)
        try:
            os.pwrite(handle, b"+", place)
        finally:
            os.close(handle)


def _heads(study: Study) -> list[tuple[int, str, str]]:
    """The confirmed heads of journal.heads; one that was only announced may be of an append that never came to be."""
    path, found = study.folder / HEADS, []
    for number, line in enumerate(path.read_text("utf-8", "replace").splitlines() if path.exists() else (), start=1):
        if head := HEAD.fullmatch(line):
            found.append((int(head[1]), head[2], HEADS))
        elif line and not line.startswith("?"):
            raise CdmError(f"{path} can't say what it recorded of the journal: line {number} is {line[:100]!r}. Restore it first.")
    return found


def _check(where: str, texts: dict[str, str]) -> None:
    """Refuse what not every database keeps as it is."""
    for name, text in texts.items():
        if not isinstance(text, str):
            raise CdmError(f"{name} {where} must be text; given {text!r}.")
        if bad := re.search("[\0\ud800-\udfff]", text):
            raise CdmError(f"{name} {where} can't be kept: character {bad.end()} is {bad[0]!r}. Remove it.")
        if len(text) > LONGEST and name not in ("old", "new", "reason"):
            raise CdmError(f"{name} {where} must have {LONGEST} characters at most; given {len(text)}.")
        if not text and name in ("actor", "role", "act"):
            raise CdmError(f"{name} {where} must not be empty.")


@contextmanager
def _open(study: Study, write: bool = False) -> Iterator[sa.Connection | None]:
    """One transaction on the journal, None where there is none to read; a writer waits until no other one writes."""
    url, file = study.study.journal, study.folder / "journal.db"
    try:
        if not (write or url or file.exists()):
            yield None
            return
        with _engine(url, file, write).begin() as con:
            if write:
                con.exec_driver_sql(LOCK[con.dialect.name])
            yield con if write or sa.inspect(con).has_table("journal") else None
    except (SQLAlchemyError, ImportError, OSError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise CdmError(f"{_place(study)} can't be {'written to' if write else 'read'}: {reason}") from None


@lru_cache(maxsize=16)
def _engine(url: str, file: Path, write: bool) -> sa.Engine:
    """How to connect; no connection is kept, so that a process may fork and a file may move between two acts."""
    if url:
        return sa.create_engine(url, poolclass=NullPool, isolation_level="READ COMMITTED")

    def connect() -> sqlite3.Connection:
        # A rollback journal and EXTRA: a commit is on disk when it returns. A write-ahead log would be faster, but is a
        # second file, which a copy of the study folder can miss, and doesn't work on network drives.
        mode = "rwc" if write else "rw"
        con = sqlite3.connect(f"{file.as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=PATIENCE)
        con.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")  # verify can name what isn't text
        for setting in ("journal_mode = DELETE", "synchronous = EXTRA", "fullfsync = ON") if write else ():
            con.execute(f"PRAGMA {setting}")
        return con

    return sa.create_engine("sqlite://", poolclass=NullPool, creator=connect)


def _guards(con: sa.Connection) -> tuple[list[str], list[str]]:
    """The triggers that are missing or not as we made them, and those that aren't ours."""
    made = GUARDS[con.dialect.name]
    there = {name: text for name, text in con.exec_driver_sql(GUARDS_THERE[con.dialect.name])}
    return [name for name in made if there.get(name) != made[name]], sorted(there.keys() - made.keys())


def _put_guards(con: sa.Connection) -> list[str]:
    """Make the triggers that are missing or changed, and return their names."""
    lost, _ = _guards(con)
    for name in lost:
        for statement in PUT_GUARD[con.dialect.name]:
            con.exec_driver_sql(statement.format(name, GUARDS[con.dialect.name][name]))
    return lost


def _walk(entries: Iterable[Entry], recorded: list[tuple]) -> tuple[int, tuple[int, str] | None, list[str]]:
    """How many entries there are, the first that can't be as it was written and why, and where a clock went back."""
    count, bad, warnings, before, seen = 0, None, [], None, {"": 0}
    for count, entry in enumerate(entries, start=1):  # noqa: B007
        if bad := bad or _broken(entry, before, seen):
            continue
        if before and entry.utc < before.utc:
            warnings.append(f"Entry {entry.seq} ({entry.utc}) is dated before the one before: a clock was set back.")
        seen[entry.hash], before = entry.seq, entry
    there = {seq: hash for hash, seq in seen.items()}
    for known in recorded:
        if there.get(known[0], known[1]) != known[1] and (bad is None or known[0] < bad[0]):
            bad = known[0], f"{_by(known)} recorded another entry {known[0]}: this or one before was written anew."
    return count, bad, warnings


def _broken(entry: Entry, before: Entry | None, seen: dict[str, int]) -> tuple[int, str] | None:
    """Where the chain doesn't go on with this entry: the first entry that can't be as it was written, and why."""
    last, last_hash = (before.seq, before.hash) if before else (0, "")
    here = last + 1
    if entry.seq != here:
        first = min(entry.seq, here) if isinstance(entry.seq, int) else here
        return first, f"Entry {entry.seq!r} stands where entry {here} must be: some were removed, added or renumbered."
    sealed = entry.hash == _hash(vars(entry))
    if sealed and entry.prev_hash == last_hash:
        return None
    origin = seen.get(entry.prev_hash, last) + 1
    if origin < here and entry.hash == _hash(vars(entry) | {"seq": origin}):
        return origin, f"Entry {origin} was put in: what was written as entry {origin} is entry {here} now."
    if sealed and before:
        return last, f"Entry {last} is not the one that entry {here} was written after: it was changed and sealed anew."
    what = f"{entry.act} of {entry.subject} by {entry.actor}, {entry.utc}"
    return here, f"Entry {here} ({what}) is not as it was written: its hash doesn't fit."


def _by(recorded: tuple) -> str:
    return recorded[2] if len(recorded) > 2 else "A head kept elsewhere"


def _hash(values: dict) -> str:
    """SHA-256 over every column but the hash, as JSON: keys sorted, no spaces, ASCII only."""
    sealed = {name: value for name, value in values.items() if name != "hash"}
    text = json.dumps(sealed, sort_keys=True, separators=(",", ":"), default=repr)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _of(*conditions: sa.ColumnElement) -> sa.Select:
    return sa.select(TABLE).where(*conditions).order_by(TABLE.c.seq)


def _entries(con: sa.Connection, *conditions: sa.ColumnElement) -> list[Entry]:
    return [Entry(*row) for row in con.execute(_of(*conditions))]


def _head(con: sa.Connection, study: Study) -> tuple[int, str]:
    last = sa.select(TABLE.c.seq, TABLE.c.hash).where(TABLE.c.study == study.id).order_by(TABLE.c.seq.desc()).limit(1)
    row = con.execute(last).first()
    return (row.seq, row.hash) if row else (0, "")


def _now() -> tuple[str, str]:
    """The time in UTC, and how far local time is from it."""
    now = datetime.now(UTC)
    return now.isoformat(timespec="microseconds"), now.astimezone().isoformat()[-6:]


def _place(study: Study) -> str:
    """Where the journal is, without any password."""
    return f"The journal {sa.make_url(study.study.journal) if study.study.journal else study.folder / 'journal.db'}"
