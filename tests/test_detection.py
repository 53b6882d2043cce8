"""The detection bench: what it plants is where it says, nothing is hidden, and the library finds nothing in right data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.detection import measure, page, plant
from cdmlib import checks

DENSITY = 0.25


@pytest.fixture(scope="module")
def trial():
    return measure.clean_trial(7, 900)


@pytest.fixture(scope="module")
def planted(trial):
    return plant.plant(trial, DENSITY)


def test_there_are_ninety_kinds_at_least_each_in_words():
    kinds = plant.all_kinds()
    assert len(kinds) >= 90
    assert len({kind["kind"] for kind in kinds}) == len(kinds)
    assert all(kind["what"] and (kind["act"] == "pair" or plant.function_of(kind)) for kind in kinds)


def test_a_kind_is_aimed_at_by_checks_that_exist_or_by_none():
    known = {check.id for check in checks.library()}
    aimed = {check for kind in plant.all_kinds() for check in kind["aimed"].split()}
    assert aimed <= known
    assert any(not kind["aimed"] for kind in plant.all_kinds()), "kinds that no check aims at stay in the table"


def test_the_same_seed_plants_the_same_errors(planted):
    again = plant.plant(measure.clean_trial(7, 900), DENSITY)
    assert again[1] == planted[1]


def test_each_subject_takes_errors_of_one_kind_and_the_clean_ones_take_none(trial, planted):
    kinds: dict[str, set[str]] = {}
    for error in planted[1]:
        kinds.setdefault(error.subject, set()).add(error.kind)
    assert all(len(found) == 1 for found in kinds.values())
    assert not set(kinds) & set(trial.pools[""])


def test_an_error_changes_the_values_it_says_and_those_of_no_other_subject(trial, planted):
    records, errors, _ = planted
    for error in errors:
        right = trial.records[error.index].right(plant.AT)
        assert all(error.before[name] == right.get(name, "") for name in error.before)
    wrong = {error.subject for error in errors} | {other for error in errors for other in error.hit if "|" not in other}

    def others(of):
        return [(r.form, r.subject, r.visit, r.right(plant.AT)) for r in of if r.subject not in wrong]

    assert others(records) == others(trial.records)


def test_a_higher_density_holds_the_errors_of_a_lower_one(trial, planted):
    _, few, _ = plant.plant(trial, 0.01)
    places = {(error.kind, error.index) for error in planted[1]}
    assert {(error.kind, error.index) for error in few} <= places


def test_found_by_an_aimed_check_explained_and_false_are_told_apart(trial, planted):
    """One error, three findings: of its check on its record, of another check there, and on a record of the subject it did not touch."""
    _, errors, possible = planted
    error = next(e for e in errors if e.kind == "ae_term_missing")
    key = next(k for k in error.hit if k.startswith("AE|"))
    found = [
        ("AE001", error.subject, key, "0101"),
        ("IT005", error.subject, key, "0101"),
        ("CM004", error.subject, "CM|1", "0101"),
    ]
    scored = {kind.kind: kind for kind in measure.score(trial, [error], possible, found)}
    kind = scored["ae_term_missing"]
    assert (kind.planted, kind.found, kind.by_any, kind.findings, len(kind.false)) == (1, 1, 1, 3, 1)
    missed = {k.kind: k for k in measure.score(trial, [error], possible, found[1:])}["ae_term_missing"]
    assert (missed.found, missed.by_any) == (0, 1)


def test_the_library_is_silent_on_right_data_and_finds_most_of_what_it_aims_at(trial, planted):
    found, outcomes = measure.on_disk(trial.subjects, list(trial.records))
    assert found == []
    assert not [check for check, outcome in outcomes.items() if outcome.startswith("error")]
    records, errors, possible = planted
    kinds = measure.score(trial, errors, possible, measure.on_disk(trial.subjects, records)[0])
    sums = page.totals(kinds)
    assert sums["aimed found"] / sums["aimed planted"] >= 0.95
    assert 1 - sums["false"] / sums["findings"] >= 0.99


def test_every_kind_is_on_the_page():
    text = (Path(__file__).parents[1] / "docs" / "detection.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if re.match(r"\| [a-z]", line) and not line.startswith("| kind |")]
    assert [line.split("|")[1].strip() for line in lines] == [
        kind["kind"].replace("_", " ") for kind in plant.all_kinds()
    ]
