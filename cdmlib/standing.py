"""Where a study stands on its way to the lock, told from the acts in its journal: open, soft locked, locked or unlocked.

The journal asks here before it adds an entry, so that no writer can pass by a lock.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

FUNCTIONS = {  # who signs a lock: the function, and the roles that may sign for it
    "data management": ("data manager", "lead"),
    "clinical": ("medical",),
    "biostatistics": ("statistician",),
}
LOCKERS = ("data manager", "lead")
APPROVERS = ("lead", "medical", "statistician", "data manager")
APPROVALS = 2
WHILE_SOFT_LOCKED = ("lock.", "attest", "person", "password", "archive.")
WHILE_LOCKED = ("unlock.", "lock.", "delivery", "person", "password", "archive.")
SCOPE = ("subjects", "forms", "fields")


@dataclass(frozen=True)
class Signature:
    """One person's signature under a lock: for which function, what it means, and the digest of what was signed."""

    function: str
    person: str
    name: str
    meaning: str
    digest: str
    lock: str
    utc: str
    seq: int


@dataclass(frozen=True)
class Unlock:
    """A request to open a locked study in part: what may change, until when, why, and who has approved it."""

    id: str
    by: str
    reason: str
    scope: dict[str, tuple[str, ...]]  # subjects, forms, fields; an empty one means all
    expires: str
    approved_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Standing:
    """The state, the lock it comes from, its signatures, and the unlock that is asked for or in force."""

    state: str = "open"  # open, soft locked, locked, unlocked
    lock: str = ""
    digest: str = ""
    since: str = ""
    signatures: tuple[Signature, ...] = ()
    unlock: Unlock | None = None
    locks: int = 0
    unlocks: int = 0

    def expired(self, now: str) -> bool:
        """Whether the time of an unlock is over at `now` (ISO 8601 with offset); its last moment is still within it."""
        return self.state == "unlocked" and moment(now) > moment(self.unlock.expires)

    def valid_signatures(self) -> tuple[Signature, ...]:
        """The signatures that bind: to this lock and this digest, one a function, no person twice."""
        kept: list[Signature] = []
        for signature in self.signatures:
            bound = signature.lock == self.lock and signature.digest == self.digest
            if bound and not {signature.function, signature.person} & {x for s in kept for x in (s.function, s.person)}:
                kept.append(signature)
        return tuple(kept)

    def missing(self) -> tuple[str, ...]:
        """The functions that have not signed."""
        signed = {signature.function for signature in self.valid_signatures()}
        return tuple(function for function in FUNCTIONS if function not in signed)

    @property
    def said(self) -> str:
        """The state in words for a reader."""
        if self.state == "soft locked":
            waiting = f"; still to sign: {', '.join(self.missing())}" if self.missing() else "; all have signed"
            return f"soft locked as {self.lock} since {self.since[:16]} UTC{waiting}"
        if self.state == "locked":
            asked = f"; unlock {self.unlock.id} is asked for by {self.unlock.by}" if self.unlock else ""
            return f"locked as {self.lock} since {self.since[:16]} UTC{asked}"
        if self.state == "unlocked":
            return f"unlocked ({self.unlock.id}, {in_words(self.unlock.scope)}) until {self.unlock.expires}; {self.lock} is to be locked anew"
        return "open"


def in_words(scope: dict[str, tuple[str, ...]]) -> str:
    """What an unlock lets change, to read."""
    parts = [f"{name} {', '.join(scope[name])}" for name in SCOPE if scope.get(name)]
    return "; ".join(parts) or "everything"


def moment(text: str) -> datetime:
    """A time that says its offset from UTC."""
    value = datetime.fromisoformat(text)
    if value.tzinfo is None:
        raise ValueError(f"{text!r} must say its offset from UTC, such as 2026-12-01T12:00:00+00:00")
    return value


def fold(entries: Iterable) -> Standing:
    """Where the study stands after these journal entries; those that are not about locks do not matter."""
    standing = Standing()
    for entry in entries:
        if entry.act.startswith(("lock.", "unlock.")):
            standing = after(standing, entry)
    return standing


def after(s: Standing, entry) -> Standing:
    """Where a study that stood at `s` stands after one more entry, which was accepted."""
    match entry.act:
        case "lock.soft":
            return replace(s, state="soft locked", lock=entry.subject, digest=entry.new, since=entry.utc, signatures=(), unlock=None, locks=s.locks + 1)
        case "lock.sign":
            given = json.loads(entry.new)
            signature = Signature(entry.field, entry.actor, given["name"], given["meaning"], given["digest"], entry.subject, entry.utc, entry.seq)
            return replace(s, signatures=(*s.signatures, signature))
        case "lock.reopen":
            return replace(s, state="open", since=entry.utc, signatures=())
        case "lock.final":
            return replace(s, state="locked", since=entry.utc)
        case "unlock.request":
            given = json.loads(entry.new)
            scope = {name: tuple(given["scope"].get(name, ())) for name in SCOPE}
            return replace(s, unlock=Unlock(entry.field, entry.actor, entry.reason, scope, given["expires"]), unlocks=s.unlocks + 1)
        case "unlock.refuse":
            return replace(s, unlock=None)
        case "unlock.approve":
            approved = replace(s.unlock, approved_by=(*s.unlock.approved_by, entry.actor))
            done = len(approved.approved_by) >= APPROVALS
            return replace(s, unlock=approved, state="unlocked" if done else s.state, since=entry.utc if done else s.since)
    return s


def refusal(s: Standing, act, actor: str, role: str, now: str) -> str:
    """Why this act can't be done where the study stands, in words; empty when it can.

    act: a journal act, with act, subject, field, new and reason. role: the one that study.toml gives the actor.
    """
    if not act.act.startswith(("lock.", "unlock.")):
        return _refused_other(s, act.act, now)
    rule = RULES.get(act.act)
    return rule(s, act, actor, role, now) if rule else f"there is no act {act.act}"


def _refused_other(s: Standing, act: str, now: str) -> str:
    allowed = {"soft locked": WHILE_SOFT_LOCKED, "locked": WHILE_LOCKED}.get(s.state, ("",))
    if s.expired(now):
        return "" if act.startswith(WHILE_LOCKED) else f"unlock {s.unlock.id} expired on {s.unlock.expires}; lock the study anew, or lock it and ask for another unlock"
    if act.startswith(allowed):
        return ""
    how = "reopen it" if s.state == "soft locked" else "ask for an unlock"
    return f"the study is {s.said}; to change it, {how} first"


def _soft(s: Standing, act, actor: str, role: str, now: str) -> str:
    if s.state not in ("open", "unlocked"):
        return f"only an open or unlocked study can be soft locked; this one is {s.said}"
    if role not in LOCKERS:
        return f"a soft lock is set by a {' or '.join(LOCKERS)}; {actor} is {role}"
    if act.subject != f"L{s.locks + 1:03d}" or not act.new:
        return f"the next lock is L{s.locks + 1:03d}, with the digest of what it freezes; given {act.subject or 'none'}"
    return ""


def _sign(s: Standing, act, actor: str, role: str, now: str) -> str:
    if s.state != "soft locked":
        return f"only a soft lock can be signed; the study is {s.said}"
    if act.field not in FUNCTIONS:
        return f"{act.field!r} is not a function that signs; there are {', '.join(FUNCTIONS)}"
    if role not in FUNCTIONS[act.field]:
        return f"for {act.field} a {' or '.join(FUNCTIONS[act.field])} signs; {actor} is {role}"
    given = _json(act.new)
    if {"digest", "name", "meaning"} - given.keys() or not all(str(value).strip() for value in given.values()):
        return "a signature must say name, meaning and the digest of what is signed"
    if act.subject != s.lock or given["digest"] != s.digest:
        return f"the signature is of another set ({act.subject}, {given['digest'][:12]}) than the one that is frozen ({s.lock}, {s.digest[:12]})"
    for there in s.valid_signatures():
        if there.person == actor:
            return f"{actor} has signed {s.lock} already, for {there.function}; three different people must sign"
        if there.function == act.field:
            return f"{there.person} has signed for {act.field} already"
    return ""


def _reopen(s: Standing, act, actor: str, role: str, now: str) -> str:
    if s.state != "soft locked":
        return f"only a soft lock can be reopened; the study is {s.said}"
    if role not in LOCKERS:
        return f"a soft lock is reopened by a {' or '.join(LOCKERS)}; {actor} is {role}"
    return _reason(act)


def _final(s: Standing, act, actor: str, role: str, now: str) -> str:
    if s.state != "soft locked":
        return f"only a soft lock can become final; the study is {s.said}"
    if role not in LOCKERS:
        return f"the lock is set by a {' or '.join(LOCKERS)}; {actor} is {role}"
    if s.missing():
        return f"{s.lock} is not signed by {', '.join(s.missing())}"
    if act.subject != s.lock or act.new != s.digest:
        return f"{act.subject} with digest {act.new[:12]} is not what was signed ({s.lock}, {s.digest[:12]})"
    return ""


def _request(s: Standing, act, actor: str, role: str, now: str) -> str:
    if s.state != "locked":
        return f"only a locked study can be unlocked; this one is {s.said}"
    if s.unlock:
        return f"unlock {s.unlock.id} is asked for already; approve or refuse it first"
    if role not in LOCKERS:
        return f"an unlock is asked for by a {' or '.join(LOCKERS)}; {actor} is {role}"
    given = _json(act.new)
    scope = given.get("scope")
    if not isinstance(scope, dict) or set(scope) - set(SCOPE) or not any(scope.values()):
        return f"the scope must name {', '.join(SCOPE)}, at least one of them"
    try:
        if moment(given.get("expires", "")) <= moment(now):
            return f"the unlock would have expired already ({given['expires']})"
    except (ValueError, TypeError):
        return "the expiry must be a time with its offset from UTC, such as 2026-12-01T12:00:00+00:00"
    if act.subject != s.lock or act.field != f"U{s.unlocks + 1:03d}":
        return f"the next unlock is U{s.unlocks + 1:03d} of {s.lock}; given {act.field or 'none'} of {act.subject or 'none'}"
    return _reason(act)


def _decide(s: Standing, act, actor: str, role: str, now: str) -> str:
    if s.state != "locked" or not s.unlock or act.field != s.unlock.id or act.subject != s.lock:
        return f"there is no unlock {act.field} to decide on; the study is {s.said}"
    if role not in APPROVERS:
        return f"an unlock is decided on by a {' or '.join(APPROVERS)}; {actor} is {role}"
    if act.act == "unlock.refuse":
        return _reason(act)
    if actor == s.unlock.by:
        return f"{actor} asked for {s.unlock.id} and can't approve it"
    if actor in s.unlock.approved_by:
        return f"{actor} has approved {s.unlock.id} already; {APPROVALS} different people must approve"
    if moment(now) > moment(s.unlock.expires):
        return f"unlock {s.unlock.id} expired on {s.unlock.expires}; refuse it and ask for another"
    return ""


def _reason(act) -> str:
    return "" if len(act.reason.strip(" .-")) >= 3 else "a reason must say why, in words"


def _json(text: str) -> dict:
    try:
        given = json.loads(text)
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}


RULES = {
    "lock.soft": _soft,
    "lock.sign": _sign,
    "lock.reopen": _reopen,
    "lock.final": _final,
    "unlock.request": _request,
    "unlock.approve": _decide,
    "unlock.refuse": _decide,
}
