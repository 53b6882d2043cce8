"""Who acts: what each role may do, and the password by which a person proves to be who they are."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cdmlib import journal
from cdmlib.errors import CdmError
from cdmlib.journal import Act
from cdmlib.standard import SQL
from cdmlib.study import Person, Study, data_folder

SHORTEST = 12  # characters of a password
FAILURES = 5  # wrong passwords in a row before a person must wait
WAIT = timedelta(minutes=15)
HASHER = PasswordHasher()  # argon2id, with the library's recommended cost


@cache
def permissions() -> dict[str, tuple[str, ...]]:
    """The roles that may do each act; what is not listed nobody may do."""
    with (SQL / "permissions.csv").open(encoding="utf-8", newline="") as file:
        return {row["act"]: tuple(row["roles"].split("|")) for row in csv.DictReader(file)}


def acting(study: Study, act: str, person_id: str = "") -> tuple[str, str]:
    """The acting person and role, who may do this act in this study. Raises CdmError when they may not.

    person_id: somebody who has proved to be it elsewhere, by signing in; else it is $CDM_USER or the signed-in user.
    """
    actor, role = (person_id, person(study, person_id).role) if person_id else journal.who(study)
    record(study)
    may(act, actor, role)
    return actor, role


def may(act: str, actor: str, role: str) -> None:
    """Raise CdmError unless the role may do the act."""
    roles = permissions().get(act, ())
    if role not in roles:
        given = f"{actor} is {role}" if role != "unlisted" else f"study.toml lists no people, so {actor} has no role"
        raise CdmError(f"{act} may be done by {' or '.join(r for r in roles if r != 'unlisted') or 'nobody'}; {given}.")


def person(study: Study, person_id: str) -> Person:
    """The person with this id. Raises CdmError when the study lists no such person."""
    there = {p.id: p for p in study.people}
    if person_id not in there:
        raise CdmError(f"{person_id!r} is not one of the people in study.toml: {', '.join(there) or 'it lists none'}.")
    return there[person_id]


def record(study: Study) -> None:
    """Keep in the journal whom the study lists, so that an id can never pass to somebody else.

    Raises CdmError when an id that the journal knows has another name now.
    """
    known = {subject: entry for (subject, field), entry in journal.state(study, "person").items() if field == "name"}
    roles = {subject: entry.new for (subject, field), entry in journal.state(study, "person").items() if field == "role"}
    acts = []
    for p in study.people:
        before = known.get(p.id)
        if before and before.new.casefold() != p.name.casefold():
            raise CdmError(
                f"study.toml: the id {p.id!r} belongs to {before.new} since {before.utc[:10]} and can't pass to {p.name}. "
                "Ids are never reused: give them another id."
            )
        acts += [] if before else [Act("person", p.id, "name", "", p.name)]
        acts += [Act("person", p.id, "role", roles.get(p.id, ""), p.role)] if roles.get(p.id) != p.role else []
    gone = sorted({subject for subject, role in roles.items() if role} - {p.id for p in study.people})
    acts += [Act("person", subject, "role", roles[subject], "", "no longer in study.toml") for subject in gone]
    if acts:
        journal.append(study, "cdmlib", "system", acts)


def has_password(person_id: str) -> bool:
    """Whether a person has set a password."""
    with _credentials() as con:
        return bool(_kept(con, person_id)[0])


def set_password(study: Study, person_id: str, new: str, old: str = "") -> None:
    """Set a person's password, which serves all studies of the data folder; `old` must be right where there is one.

    Raises CdmError for a short password or one that says the id, and when the old one is wrong.
    """
    who = person(study, person_id)
    if len(new) < SHORTEST or who.id in new.casefold():
        raise CdmError(f"A password must have {SHORTEST} characters at least and not hold the user name.")
    if has_password(who.id):
        check_password(study, who.id, old)
    journal.append(study, who.id, who.role, [Act("password", who.id, reason="set by the person")])
    with _credentials() as con:
        _keep(con, who.id, HASHER.hash(new))


def reset_password(study: Study, person_id: str, actor: str, role: str, reason: str) -> None:
    """Take a person's password away, so that they can set a new one; done by somebody else, with a reason."""
    may("password.reset", actor, role)
    who = person(study, person_id)
    if actor == who.id:
        raise CdmError("A password is reset by somebody else; set your own with `cdm people STUDY password`.")
    if len(reason.strip(" .-")) < 3:
        raise CdmError("A reason must say why, in words.")
    journal.append(study, actor, role, [Act("password.reset", who.id, reason=reason)])
    with _credentials() as con:
        con.execute("DELETE FROM credentials WHERE person = ?", [who.id])


def check_password(study: Study, person_id: str, password: str) -> None:
    """Prove that a person is who they say. Raises CdmError, and keeps the failure in the journal, when the password is wrong.

    After five wrong ones in a row the person must wait for 15 minutes.
    """
    who, now = person(study, person_id), datetime.now(UTC)
    with _credentials() as con:  # held until the answer is known, so that tries at the same time are all counted
        hash_, failures, wait_until = _kept(con, who.id)
        if not hash_:
            raise CdmError(f"{who.id} has no password yet. Set one: cdm people {study.id} password")
        if wait_until and now < datetime.fromisoformat(wait_until):
            raise CdmError(f"{who.id} must wait until {wait_until[:16]} UTC after {FAILURES} wrong passwords.")
        if right := _verified(hash_, password):
            _keep(con, who.id, HASHER.hash(password) if HASHER.check_needs_rehash(hash_) else hash_)
        else:
            failures += 1
            wait = (now + WAIT).isoformat(timespec="seconds") if failures >= FAILURES else ""
            _keep(con, who.id, hash_, 0 if wait else failures, wait)
    if not right:
        journal.append(study, "cdmlib", "system", [Act("password.failed", who.id, new=str(failures))])
        raise CdmError(f"The password of {who.id} is wrong; this is kept in the journal.")


def _verified(kept: str, password: str) -> bool:
    try:
        return HASHER.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


@contextmanager
def _credentials() -> Iterator[sqlite3.Connection]:
    """The password file of the data folder, one writer at a time, readable by its owner alone."""
    path = data_folder() / "passwords.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    con = sqlite3.connect(path, timeout=60, isolation_level=None)
    try:
        con.execute("BEGIN IMMEDIATE")
        con.execute(
            "CREATE TABLE IF NOT EXISTS credentials (person TEXT PRIMARY KEY, hash TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0, wait_until TEXT NOT NULL DEFAULT '')"
        )
        yield con
        con.execute("COMMIT")
    except sqlite3.Error as error:
        raise CdmError(f"{path} can't be used: {error}. Restore it, or remove it and set the passwords anew.") from None
    finally:
        con.close()  # rolls back what was not committed


def _kept(con: sqlite3.Connection, person_id: str) -> tuple[str, int, str]:
    """Hash, wrong tries in a row, and until when the person must wait."""
    row = con.execute("SELECT hash, failures, wait_until FROM credentials WHERE person = ?", [person_id]).fetchone()
    return row or ("", 0, "")


def _keep(con: sqlite3.Connection, person_id: str, hash_: str, failures: int = 0, wait_until: str = "") -> None:
    con.execute("INSERT OR REPLACE INTO credentials VALUES (?, ?, ?, ?)", [person_id, hash_, failures, wait_until])
