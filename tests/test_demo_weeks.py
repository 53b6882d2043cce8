"""The demo's four weeks: readiness of each subject is that of the answer key, reviews make subjects clean, the forecast looks back."""

from __future__ import annotations

from collections import Counter

import pytest

from cdmlib import (
    changes,
    checks,
    coding,
    demo,
    findings,
    forecast,
    journal,
    mart,
    measures,
    queries,
    readiness,
    reconcile,
    snapshot,
    tables,
)
from cdmlib import study as studies
from cdmlib.demo import readiness_key

WEEKS = demo.CUT_OFFS


def week(study, cutoff):
    """A weekly run without notebooks and workbook; its results."""
    snapshot.ingest(study, cutoff)
    work = mart.begin(study.id, cutoff)
    tables.build(work)
    reconcile.build(work)
    coding.code(work)
    checks.run(work)
    changes.since(work)
    findings.follow(work)
    reconcile.settle(work)
    queries.match(work)
    readiness.run(work)
    measures.run(work)
    forecast.run(work)
    mart.publish(work)
    return mart.open_run(study, work.run)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDM_DATA", str(data))
        patch.setenv("CDM_USER", "dm.one")
        demo.create(data / "demo")
        yield studies.load("demo")


@pytest.fixture(scope="module")
def seen(study):
    """The results of each week."""
    return {cutoff: week(study, cutoff) for cutoff in WEEKS}


@pytest.fixture(scope="module")
def key(study):
    return readiness_key.read(study.folder)


def statuses(con):
    return {
        (subject, criterion): status
        for subject, criterion, status in con.execute("SELECT subjid, criterion, status FROM readiness WHERE level = 'subject'").fetchall()
    }


@pytest.mark.parametrize("cutoff", WEEKS)
def test_readiness_of_every_subject_and_criterion_equals_the_answer_key(seen, key, cutoff):
    said = {(row["subjid"], row["criterion"]): row["blocked"] for row in key if row["week"] == cutoff}
    found = statuses(seen[cutoff])
    assert found.keys() == said.keys()
    expected = {place: {"Y": "blocked", "N": "ready"}[answer] for place, answer in said.items() if answer}
    assert {place: (found[place], answer) for place, answer in expected.items() if found[place] != answer} == {}
    unsaid = Counter(criterion for (_, criterion), answer in said.items() if not answer)
    assert set(unsaid) <= {"RD10", "RD11", "RD13", "RD16", "all"}, "an error of the EDC may be a disagreement too; nothing else is left open"
    assert unsaid["all"] <= 2 and unsaid["RD16"] < 12 and max(unsaid.values()) < 60


def test_the_key_has_blocked_and_ready_subjects_for_the_criteria_and_moves_from_week_to_week(key):
    said = {(row["criterion"], row["blocked"]) for row in key}
    never = {"RD17", "RD21"}  # of no subject; no eligibility error is planted
    assert {criterion for criterion, _ in said} - {criterion for criterion, blocked in said if blocked == "Y"} <= never
    clean = [sum(row["blocked"] == "N" for row in key if row["criterion"] == "all" and row["week"] == cutoff) for cutoff in WEEKS]
    assert len(set(clean)) == len(WEEKS) and min(clean) > 8 and clean[-1] > clean[0]


def test_the_measures_of_clean_subjects_and_pages_are_those_counted_otherwise(seen, key):
    for cutoff, con in seen.items():
        clean = [row["blocked"] for row in key if row["criterion"] == "all" and row["week"] == cutoff]
        told = con.execute("SELECT numerator, denominator FROM metrics WHERE metric = 'SB01' AND level = 'study'").fetchone()
        assert clean.count("N") <= told[0] <= clean.count("N") + clean.count("") and told[1] == len(clean)
        assert con.execute("SELECT sum(numerator) FROM metrics WHERE metric = 'SB01' AND level = 'site'").fetchone()[0] == told[0]
        assert con.execute("SELECT metric, not_run FROM measure_runs WHERE not_run <> ''").fetchall() == []
        funnel = [n for (n,) in con.execute("SELECT numerator FROM metrics WHERE metric = 'PG08' AND level = 'study' ORDER BY rowid").fetchall()]
        assert funnel == sorted(funnel, reverse=True) and funnel[-1] > 0


def test_reviews_of_all_that_blocks_make_subjects_clean_and_nobody_else(study, seen, key):
    last = [row for row in key if row["week"] == WEEKS[-1] and row["blocked"] == "Y"]
    by_subject = {}
    for row in last:
        by_subject.setdefault(row["subjid"], set()).add(row["criterion"])
    of_findings = {"RD08", "RD16", "RD18", "RD20", "RD22"}  # what a review of a finding settles
    clean_list = {criterion.id for criterion in readiness.library() if readiness.is_clean(study, criterion)}
    reviewed = {subject for subject, held in by_subject.items() if "all" in held and held & clean_list <= of_findings}
    reviewed -= {row["subjid"] for row in key if row["week"] == WEEKS[-1] and not row["blocked"]}  # what else holds them up is not known
    assert len(reviewed) > 5
    rows = seen[WEEKS[-1]].execute("SELECT finding_id, subjid, CAST(evidence AS VARCHAR) FROM findings WHERE gone_on IS NULL").fetchall()
    acts = []
    for finding, subject, evidence in rows:
        if subject in reviewed:
            acts.append(journal.Act("review", finding, "status", "", "Confirmed correct", "as in the source"))
            acts.append(journal.Act("review", finding, "evidence", "", evidence))
    journal.append(study, "dm.one", "data manager", acts)
    before, now = statuses(seen[WEEKS[-1]]), statuses(week(study, WEEKS[-1]))
    became = {subject for subject, criterion in now if criterion == "all" and now[subject, "all"] == "ready" and before[subject, "all"] == "blocked"}
    assert became == reviewed


def test_the_forecast_is_silent_for_two_weeks_then_gives_a_range_and_looks_back(seen):
    asked = "SELECT early, likely, late, says FROM forecast WHERE part = $part"
    told = {cutoff: con.execute(asked, {"part": "checklist clear"}).fetchone() for cutoff, con in seen.items()}
    assert [told[cutoff][:3] for cutoff in WEEKS[:2]] == [(None, None, None)] * 2 and "3 are needed" in told[WEEKS[0]][3]
    for cutoff in WEEKS[2:]:  # nobody codes in the demo
        assert told[cutoff] == (None, None, None, "no date: nothing was cleared in the weeks seen by coder")
        early, likely, late, _ = seen[cutoff].execute(asked, {"part": "all but what waits for coder"}).fetchone()
        assert cutoff < early <= likely <= late
    tested = seen[WEEKS[3]].execute("SELECT made_on, for_week, said_low <= said_high, within = (came BETWEEN said_low AND said_high) FROM forecast_back_test").fetchall()
    assert tested and set(tested) == {(WEEKS[2], WEEKS[3], True, True)}
    assert seen[WEEKS[2]].execute("SELECT count(*) FROM forecast_back_test").fetchone() == (0,)
    weeks = seen[WEEKS[3]].execute("SELECT as_of, subjects FROM weeks_seen ORDER BY as_of").fetchall()
    assert [as_of for as_of, _ in weeks] == list(WEEKS) and [n for _, n in weeks] == sorted(n for _, n in weeks)


def test_a_subject_who_leaves_the_extract_leaves_the_denominators_and_stays_listed(study, seen):
    """The extract of the last week again, a week later, without one subject."""
    gone, files = "DE01-001", study.incoming / "2024-04-01"
    files.mkdir()
    for path in (study.incoming / WEEKS[-1]).iterdir():
        lines = path.read_bytes().split(b"\n") if path.name[:2].isupper() else []
        (files / path.name).write_bytes(b"\n".join(line for line in lines if gone.encode() not in line) if lines else path.read_bytes())
    con = week(study, "2024-04-01")
    people = seen[WEEKS[-1]].execute("SELECT count(*) FROM subjects").fetchone()[0]
    assert con.execute("SELECT denominator FROM metrics WHERE metric = 'SB01' AND level = 'study'").fetchone()[0] == people - 1
    assert con.execute("SELECT subjid, last_seen FROM subjects_gone").fetchall() == [(gone, WEEKS[-1])]
    pages = "SELECT count(*), count(CASE WHEN subjid = ? THEN 1 END) FROM pages WHERE entered = 'Y'"
    every, of_gone = con.execute(pages, [gone]).fetchone()
    assert of_gone > 0 and con.execute("SELECT denominator FROM metrics WHERE metric = 'PG01' AND level = 'study'").fetchone()[0] == every - of_gone
    assert list(measures.show_gone(con).subject) == [gone]
