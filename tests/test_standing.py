"""The way to the lock, driven through long random sequences of acts: no forbidden state is ever reached."""

from __future__ import annotations

import itertools
import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from cdmlib import journal, standing
from cdmlib import study as studies
from cdmlib.errors import CdmError
from cdmlib.journal import Act

pytestmark = pytest.mark.requirement("R15", "R17")

PEOPLE = {
    "dora": "data manager", "lena": "lead", "mark": "medical", "mia": "medical", "stan": "statistician",
    "carl": "coder", "rita": "cra", "paul": "programmer", "olga": "auditor",
}  # fmt: skip
SIGNERS = {"data management": {"dora", "lena"}, "clinical": {"mark", "mia"}, "biostatistics": {"stan"}}
NOT_LOCKS = ("review", "coding", "query.exported", "waive")


@pytest.fixture
def study(data):
    (data / "abc").mkdir()
    people = "".join(f'[[people]]\nid = "{id_}"\nname = "{id_.title()} Example"\nrole = "{role}"\n' for id_, role in PEOPLE.items())
    (data / "abc" / "study.toml").write_text(f'[study]\nid = "abc"\ntitle = "A study"\n[sources.edc]\nlayout = "csv"\n{people}', encoding="utf-8")
    return studies.load("abc")


def act(kind, lock="", field="", new="", reason="because it must"):
    return Act(kind, lock, field, "", new, reason)


def signed(digest, name="Somebody", meaning="I approve"):
    return json.dumps({"digest": digest, "name": name, "meaning": meaning})


def asked(expires, **scope):
    return json.dumps({"scope": scope or {"subjects": ["001"]}, "expires": expires})


class Truth:
    """What must be true, kept by the test from the acts that were accepted alone, without the code under test."""

    def __init__(self):
        self.state, self.lock, self.digest, self.locks, self.unlocks = "open", "", "", 0, 0
        self.signers, self.asked_by, self.approved, self.expires = {}, "", [], ""

    def accepted(self, done, who, now):
        kind = done.act
        over = self.state == "unlocked" and now > self.expires
        if kind in NOT_LOCKS:
            assert self.state in ("open", "unlocked") and not over, f"{kind} accepted while {self.state}"
        elif kind == "lock.soft":
            assert self.state in ("open", "unlocked") and PEOPLE[who] in ("data manager", "lead")
            self.state, self.lock, self.digest, self.signers = "soft", done.subject, done.new, {}
            self.locks += 1
        elif kind == "lock.sign":
            given = json.loads(done.new)
            assert self.state == "soft" and who in SIGNERS[done.field] and who not in self.signers.values()
            assert done.field not in self.signers and (done.subject, given["digest"]) == (self.lock, self.digest)
            self.signers[done.field] = who
        elif kind == "lock.reopen":
            assert self.state == "soft"
            self.state, self.signers = "open", {}
        elif kind == "lock.final":
            assert self.state == "soft" and set(self.signers) == set(SIGNERS) and len(set(self.signers.values())) == 3
            self.state = "locked"
        elif kind == "unlock.request":
            assert self.state == "locked" and not self.asked_by
            self.asked_by, self.approved, self.expires = who, [], datetime.fromisoformat(json.loads(done.new)["expires"])
            self.unlocks += 1
        elif kind == "unlock.refuse":
            assert self.state == "locked" and self.asked_by
            self.asked_by = ""
        elif kind == "unlock.approve":
            assert self.state == "locked" and self.asked_by and who not in (self.asked_by, *self.approved)
            assert PEOPLE[who] in ("lead", "medical", "statistician", "data manager") and now <= self.expires
            self.approved.append(who)
            if len(self.approved) == 2:
                self.state, self.asked_by = "unlocked", ""
        else:
            raise AssertionError(f"{kind} was accepted")


def a_step(draw, truth, now):
    """A random act by a random person, often a sensible one and often a forged or misplaced one."""
    kind = draw.choice(("lock.soft", "lock.sign", "lock.sign", "lock.sign", "lock.final", "lock.reopen", "unlock.request", "unlock.approve",
                        "unlock.approve", "unlock.refuse", "lock.break", *NOT_LOCKS))  # fmt: skip
    if kind in ("lock.reopen", "unlock.refuse") and draw.random() < 0.8:
        kind = "lock.sign"
    who = draw.choice(tuple(PEOPLE))
    lock = truth.lock if draw.random() < 0.9 else f"L{draw.randrange(5):03d}"
    digest = truth.digest if draw.random() < 0.9 else "f" * 64
    if kind == "lock.soft":
        return who, act(kind, f"L{truth.locks + 1:03d}" if draw.random() < 0.9 else lock, new=f"{draw.randrange(10**9):064d}")
    if kind == "lock.sign":
        return who, act(kind, lock, draw.choice((*SIGNERS, "sponsor")) if draw.random() < 0.9 else "", signed(digest))
    if kind == "lock.final":
        return who, act(kind, lock, new=digest)
    if kind == "unlock.request":
        expires = (now + timedelta(seconds=draw.choice((-5, 3, 50, 5000)))).isoformat()
        return who, act(kind, lock, f"U{truth.unlocks + draw.choice((1, 1, 1, 0)):03d}", asked(expires), draw.choice(("a late SAE", "", ".")))
    if kind.startswith("unlock."):
        return who, act(kind, lock, f"U{max(1, truth.unlocks - draw.choice((0, 0, 0, 1))):03d}")
    return who, act(kind, lock)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_forbidden_state_is_reached_in_a_hundred_thousand_random_steps(seed):
    draw, truth, entries = random.Random(seed), Truth(), []
    now, seen = datetime(2026, 1, 1, tzinfo=UTC), set()
    stands = standing.Standing()
    for number in range(100_000):
        now += timedelta(seconds=draw.choice((0, 1, 2, 30)))
        who, step = a_step(draw, truth, now)
        if standing.refusal(stands, step, who, PEOPLE[who], now.isoformat()):
            continue
        truth.accepted(step, who, now)
        entry = journal.Entry("abc", number, now.isoformat(), "+00:00", who, PEOPLE[who], step.act, step.subject, step.field, "", step.new, step.reason, "", "", "", "")
        entries.append(entry)
        stands = standing.after(stands, entry)
        seen.add(stands.state)
        assert stands.state == {"soft": "soft locked"}.get(truth.state, truth.state)
    assert seen == {"open", "soft locked", "locked", "unlocked"}
    assert standing.fold(entries) == stands


def test_the_journal_itself_refuses_every_forbidden_act_in_ten_thousand_random_steps(study, monkeypatch):
    clock = itertools.count()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    moments = []

    def now():
        moments.append(start + timedelta(seconds=next(clock)))
        return moments[-1].isoformat(timespec="microseconds"), "+00:00"

    monkeypatch.setattr(journal, "_now", now)
    draw, truth, seen = random.Random(20261124), Truth(), set()
    for _ in range(10_000):
        who, step = a_step(draw, truth, start + timedelta(seconds=len(moments) + 1))
        forged = draw.choice(("lead", PEOPLE[who]))  # the role that is given does not count, the one in study.toml does
        try:
            journal.append(study, who, forged, [step])
        except CdmError:
            continue
        truth.accepted(step, who, moments[-1])
        seen.add(truth.state)
    assert seen == {"open", "soft", "locked", "unlocked"}
    assert journal.stands(study).state == {"soft": "soft locked"}.get(truth.state, truth.state)
    assert journal.verify(study).ok


def soft_locked(study, digest="d" * 64):
    journal.append(study, "dora", "data manager", [act("lock.soft", "L001", new=digest)])
    return digest


def locked(study):
    digest = soft_locked(study)
    for who, function in (("dora", "data management"), ("mark", "clinical"), ("stan", "biostatistics")):
        journal.append(study, who, PEOPLE[who], [act("lock.sign", "L001", function, signed(digest))])
    journal.append(study, "lena", "lead", [act("lock.final", "L001", new=digest)])


@pytest.mark.parametrize(
    "who, step, why",
    [
        ("carl", act("lock.sign", "L001", "clinical", signed("d" * 64)), "for clinical a medical signs; carl is coder"),
        ("zoe", act("lock.sign", "L001", "clinical", signed("d" * 64)), "zoe is not one of the people"),
        ("mark", act("lock.sign", "L001", "clinical", signed("e" * 64)), "signature is of another set"),
        ("mark", act("lock.sign", "L000", "clinical", signed("d" * 64)), "signature is of another set"),
        ("mark", act("lock.sign", "L001", "sponsor", signed("d" * 64)), "'sponsor' is not a function that signs"),
        ("mark", act("lock.sign", "L001", "clinical", signed("d" * 64, meaning=" ")), "must say name, meaning"),
        ("dora", act("lock.final", "L001", new="d" * 64), "not signed by data management, clinical, biostatistics"),
        ("dora", act("lock.reopen", "L001", reason="."), "a reason must say why"),
        ("dora", act("review", "abc", "status", "Confirmed"), "the study is soft locked as L001"),
        ("dora", act("lock.soft", "L002", new="x"), "only an open or unlocked study can be soft locked"),
        ("lena", act("unlock.request", "L001", "U001", asked("2999-01-01T00:00:00+00:00")), "only a locked study can be unlocked"),
    ],
)
def test_a_soft_lock_refuses_and_says_why(study, who, step, why):
    soft_locked(study)
    with pytest.raises(CdmError, match=why):
        journal.append(study, who, PEOPLE.get(who, "lead"), [step])


def test_the_same_person_can_not_sign_twice_and_a_function_not_twice(study):
    digest = soft_locked(study)
    journal.append(study, "dora", "data manager", [act("lock.sign", "L001", "data management", signed(digest))])
    with pytest.raises(CdmError, match="dora has signed for data management already"):
        journal.append(study, "lena", "lead", [act("lock.sign", "L001", "data management", signed(digest))])
    journal.append(study, "mark", "medical", [act("lock.sign", "L001", "clinical", signed(digest))])
    with pytest.raises(CdmError, match="mark has signed L001 already, for clinical; three different people must sign"):
        journal.append(study, "mark", "medical", [act("lock.sign", "L001", "clinical", signed(digest))])


def test_a_signature_does_not_outlive_a_reopened_lock(study):
    digest = soft_locked(study)
    journal.append(study, "mark", "medical", [act("lock.sign", "L001", "clinical", signed(digest))])
    journal.append(study, "dora", "data manager", [act("lock.reopen", "L001", reason="one more query")])
    journal.append(study, "dora", "data manager", [act("lock.soft", "L002", new=digest)])
    assert journal.stands(study).missing() == ("data management", "clinical", "biostatistics")


def test_an_unlock_needs_two_others_a_scope_a_reason_and_ends_by_itself(study):
    locked(study)
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    for new, reason, why in (
        (asked(soon), " . ", "a reason must say why"),
        (json.dumps({"scope": {}, "expires": soon}), "a late SAE", "the scope must name subjects, forms, fields"),
        (json.dumps({"scope": {"sites": ["01"]}, "expires": soon}), "a late SAE", "the scope must name"),
        (asked("2999-01-01"), "a late SAE", "must be a time with its offset"),
        (asked("2020-01-01T00:00:00+00:00"), "a late SAE", "would have expired already"),
    ):
        with pytest.raises(CdmError, match=why):
            journal.append(study, "lena", "lead", [act("unlock.request", "L001", "U001", new, reason)])
    journal.append(study, "lena", "lead", [act("unlock.request", "L001", "U001", asked(soon))])
    with pytest.raises(CdmError, match="lena asked for U001 and can't approve it"):
        journal.append(study, "lena", "lead", [act("unlock.approve", "L001", "U001")])
    journal.append(study, "mark", "medical", [act("unlock.approve", "L001", "U001")])
    with pytest.raises(CdmError, match="mark has approved U001 already"):
        journal.append(study, "mark", "medical", [act("unlock.approve", "L001", "U001")])
    with pytest.raises(CdmError, match="the study is locked"):
        journal.append(study, "dora", "data manager", [act("review", "abc")])
    journal.append(study, "stan", "statistician", [act("unlock.approve", "L001", "U001")])
    stands = journal.stands(study)
    assert (stands.state, stands.unlock.approved_by, stands.unlock.scope["subjects"]) == ("unlocked", ("mark", "stan"), ("001",))
    journal.append(study, "dora", "data manager", [act("review", "abc")])
    assert not stands.expired(soon) and stands.expired((datetime.fromisoformat(soon) + timedelta(seconds=1)).isoformat())


def test_after_an_unlock_has_expired_nothing_is_written_until_the_study_is_locked_anew(study, monkeypatch):
    locked(study)
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    journal.append(study, "lena", "lead", [act("unlock.request", "L001", "U001", asked(soon))])
    for who in ("mark", "stan"):
        journal.append(study, who, PEOPLE[who], [act("unlock.approve", "L001", "U001")])
    later = (datetime.now(UTC) + timedelta(hours=2)).isoformat(timespec="microseconds")
    monkeypatch.setattr(journal, "_now", lambda: (later, "+00:00"))
    with pytest.raises(CdmError, match="unlock U001 expired on"):
        journal.append(study, "dora", "data manager", [act("review", "abc")])
    journal.append(study, "dora", "data manager", [act("lock.soft", "L002", new="e" * 64)])
    assert journal.stands(study).state == "soft locked"


def test_two_steps_of_a_lock_can_not_be_slipped_in_together(study):
    with pytest.raises(CdmError, match="one step of a lock"):
        journal.append(study, "dora", "data manager", [act("lock.soft", "L001", new="d"), act("lock.final", "L001", new="d")])
    assert journal.stands(study).state == "open"
