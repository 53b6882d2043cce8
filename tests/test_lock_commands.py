"""The way to a signed lock and a delivery as its people take it, on the command line."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from test_lock import PEOPLE, TOML, word  # noqa: F401
from test_readiness import study  # noqa: F401

from cdmlib import journal, readiness
from cdmlib import study as studies
from cdmlib.cli import main


@pytest.fixture
def cdm(monkeypatch):
    def run(*arguments, by="lena", answer=""):
        monkeypatch.setenv("CDM_USER", by)
        monkeypatch.setenv("COLUMNS", "200")
        return CliRunner().invoke(main, arguments, input=answer, catch_exceptions=False)

    return run


def test_from_the_checklist_to_a_delivery(study, cdm, monkeypatch):  # noqa: F811
    assert cdm("lock", "abc", "status").output.startswith("Study abc is open.")
    said = cdm("lock", "abc", "dry-run")
    assert said.exit_code == 1 and "line 6, No open query: RD05 not run" in said.output and "lines block the final lock" in said.output
    refused = cdm("lock", "abc", "soft")
    assert refused.exit_code == 1 and "can't be soft locked; the checklist says" in refused.output
    for line in readiness.lines():
        if line.kind == "computed" and readiness.checklist(study).set_index("line").status[line.number] != "done":
            assert cdm("checklist", "abc", "waive", "line", str(line.number), "--until", "2999-12-31", "--reason", "not part of this study").output.startswith("line ")
    by_role = {role: person for person, role in PEOPLE.items()}
    for line in readiness.lines():
        if line.kind == "attested":
            who = next(by_role[role] for role in line.roles if role in by_role)
            assert "done and filed" in cdm("checklist", "abc", "attest", str(line.number), "--meaning", "done and filed", by=who).output
    assert "Dry run: nothing blocks the final lock" in cdm("lock", "abc", "dry-run").output
    for person in ("dora", "mark", "stan", "lena"):
        assert cdm("people", "abc", "password", by=person, answer=f"{word(person)}\n{word(person)}\n").exit_code == 0
    assert "L001: " in cdm("lock", "abc", "soft", by="dora").output
    wrong = cdm("lock", "abc", "sign", "--function", "clinical", "--meaning", "complete", by="mark", answer="nothing\n")
    assert wrong.exit_code == 1 and "The password of mark is wrong" in wrong.output
    for person, function in (("dora", "data management"), ("mark", "clinical"), ("stan", "biostatistics")):
        signed = cdm("lock", "abc", "sign", "--function", function, "--meaning", "complete and clean", by=person, answer=f"{word(person)}\n")
        assert f"Signed: {person.title()} Example, for {function}, " in signed.output and "meaning: complete and clean" in signed.output
    assert "is locked as L001" in cdm("lock", "abc", "final").output
    verified = cdm("lock", "abc", "verify")
    assert verified.exit_code == 0 and "L001 holds" in verified.output and verified.output.count("holds: yes") == 3
    assert "34 of 34 lines done" in cdm("checklist", "abc").output
    delivered = cdm("deliver", "abc", by="stan")
    assert delivered.exit_code == 0 and "L001-001" in delivered.output
    asked = cdm("unlock", "abc", "ask", "--subject", "001", "--reason", "an SAE arrived late")
    assert "U001: subjects 001 until" in asked.output
    own = cdm("unlock", "abc", "approve", "U001", answer=f"{word('lena')}\n")
    assert own.exit_code == 1 and "lena asked for U001 and can't approve it" in own.output
    for person in ("mark", "stan"):
        done = cdm("unlock", "abc", "approve", "U001", by=person, answer=f"{word(person)}\n")
    assert "is unlocked (U001, subjects 001)" in done.output
    assert journal.verify(studies.load("abc")).ok


def test_a_role_that_may_not_is_told_who_may(study, cdm):  # noqa: F811
    said = cdm("lock", "abc", "soft", by="carl")
    assert said.exit_code == 1 and "lock.soft may be done by data manager or lead; carl is coder" in said.output
    assert "carl" in cdm("people", "abc").output and "not set" in cdm("people", "abc").output


def test_readiness_says_per_subject_what_blocks(study, cdm):  # noqa: F811
    assert "0 of 3 subjects are clean, by version 1" in cdm("readiness", "abc").output
    assert "RD05" in cdm("readiness", "abc", "--subject", "001").output
