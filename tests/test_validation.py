"""Validation evidence: every requirement is named by a test, and the pages say what was found."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from cdmlib import validation
from cdmlib.validation import Package

TESTS = Path(__file__).parent


def named() -> dict[str, set[str]]:
    """The requirements that tests name, by id, with the files."""
    found: dict[str, set[str]] = {}
    for path in sorted(TESTS.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.requirement":
                for argument in node.args:
                    found.setdefault(argument.value, set()).add(path.name)
    return found


@pytest.mark.requirement("R27")
def test_every_requirement_has_a_test_and_tests_name_no_others():
    assert set(named()) == set(validation.requirements())


@pytest.mark.requirement("R27")
def test_the_evidence_says_which_requirements_passed_failed_or_were_not_tested(tmp_path, monkeypatch):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.requirement('R01')\ndef test_good(): pass\n"
        "@pytest.mark.requirement('R02')\ndef test_bad(): assert False\n"
        "@pytest.mark.requirement('R03')\ndef test_skipped(): pytest.skip('not here')\n"
        "def test_other(): assert False\n",
        encoding="utf-8",
    )
    monkeypatch.setattr(validation, "packages", lambda: [Package("one", "1.0", "1.0", 3, ""), Package("two", "2.0", "2.1", 3, "version 2.1 is installed, 2.0 is locked")])
    monkeypatch.setattr(validation.evidence, "write", lambda study, folder: validation.evidence.Evidence(2, 6, 6, 0, ()))
    made = validation.write(tmp_path / "out", tests, run_demo=False)
    outcomes = {r["id"]: r["outcome"] for r in made.requirements}
    assert (outcomes["R01"], outcomes["R02"], outcomes["R03"], outcomes["R05"]) == ("passed", "failed", "passed in part", "not tested here")
    assert "package two: version 2.1 is installed, 2.0 is locked" in made.failures and "R02: failed" in made.failures
    page = (tmp_path / "out" / "oq.html").read_text(encoding="utf-8")
    assert "test_bad: failed" in page and "supports 21 CFR Part 11" in page and "compliant" not in page
    assert "two" in (tmp_path / "out" / "iq.html").read_text(encoding="utf-8")
    assert (tmp_path / "out" / "pq.html").exists()


@pytest.mark.requirement("R27")
def test_the_installation_is_held_against_the_lock_file_by_file():
    found = {p.name.lower(): p for p in validation.packages()}
    assert found["duckdb"].installed == found["duckdb"].locked and found["duckdb"].files > 10 and not found["duckdb"].fault
