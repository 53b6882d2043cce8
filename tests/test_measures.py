"""Measures: every case of every one, study limits, and how numbers are shown."""

from __future__ import annotations

import dataclasses

import duckdb
import pytest

from cdmlib import cases, demo, mart, measures, queries, snapshot, standard, tables
from cdmlib import study as studies
from cdmlib.cli import main
from cdmlib.errors import CdmError

RAN = measures.run_cases()


@pytest.mark.parametrize(("measure", "results", "reason"), RAN, ids=[measure.id for measure, _, _ in RAN])
def test_every_measure_makes_of_its_cases_what_they_say_and_no_line_more(measure, results, reason):
    assert not reason and results
    assert not [result for result in results if not result.passed]
    assert measure.note, "the note below the header is the definition that stands beside the number"


def test_a_case_that_is_not_met_fails_and_says_what_came(tmp_path):
    measure = next(m for m in measures.library() if m.id == "QU01")
    copy = tmp_path / measure.path.name
    copy.write_text(measure.path.read_text(encoding="utf-8"), encoding="utf-8")
    text = cases.path_of(measure).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("| site  | 02")]
    copy.with_suffix(".md").write_text("\n".join(lines).replace("33.3", "34.0"), encoding="utf-8")
    results = measures._run_cases(dataclasses.replace(measure, path=copy), standard.empty_database())
    failed = [(result.expected, result.got) for result in results if not result.passed]
    assert ("study |  | 1 | 3 | 34.0", "study |  | 1 | 3 | 33.3") in failed
    assert ("", "site | 02 | 0 | 1 | 0") in failed


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The demo's first week with an overdue limit of its own."""
    data = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDM_DATA", str(data))
        demo.create(data / "demo")
        settings = data / "demo" / "study.toml"
        settings.write_text(settings.read_text(encoding="utf-8") + "\n[parameters.QU03]\ndays = 60\n", encoding="utf-8")
        study = studies.load("demo")
        snapshot.ingest(study, demo.CUT_OFFS[0])
        work = mart.begin("demo", demo.CUT_OFFS[0])
        tables.build(work)
        measures.run(work)
        mart.publish(work)
        con = mart.open_published(study)
        yield con
        con.close()


def test_the_numbers_of_the_mart_are_those_counted_from_the_queries(results):
    def metric(id_, level="study"):
        return results.execute("SELECT numerator, denominator FROM metrics WHERE metric = ? AND level = ?", [id_, level]).fetchall()

    rows = results.execute("SELECT status, siteid, opened_on, response_days, waiting_days FROM queries").fetchall()
    live = [row for row in rows if row[0] != "cancelled"]
    waiting = [row for row in rows if row[0] in ("open", "answered")]
    assert metric("QU01") == [(sum(row[0] == "open" for row in rows), len(live))]
    assert metric("QU03") == [(sum(row[4] > 60 for row in waiting), len(waiting))], "the study's own limit"
    assert sum(n for n, _ in metric("QU04")) == len(waiting) and sum(n for n, _ in metric("QU09")) == len(waiting)
    assert sum(n for n, _ in metric("QU01", "site")) == metric("QU01")[0][0]
    times = sorted(row[3] for row in live if row[3] is not None)
    middle = (times[(len(times) - 1) // 2] + times[len(times) // 2]) / 2
    assert results.execute("SELECT value FROM metrics WHERE metric = 'QU07' AND level = 'study'").fetchone() == (middle,)
    said = dict(results.execute("SELECT metric, definition FROM measure_runs").fetchall())
    assert said["QU03"].endswith("(days = 60)")


def test_each_number_is_shown_with_what_it_is_made_of(results):
    table = measures.show(results, "QU01", "QU07")
    n, of, share = results.execute("SELECT numerator, denominator, value FROM metrics WHERE metric = 'QU01' AND level = 'study'").fetchone()
    assert table.loc["all sites", "Open queries"] == f"{n} of {of} ({share:.1f} %)"
    assert table.loc["all sites", "Response time"].endswith(")") and " days (" in table.loc["all sites", "Response time"]
    weeks = measures.show(results, "QU05", "QU06", by="category")
    assert len(weeks) == 12 and weeks.index[-1].endswith(demo.CUT_OFFS[0])
    assert {level[0] for level in measures.show(results, "QU09", "QU10").columns} == {
        "Open and answered queries by who must act", "Open and answered queries by marking group",
    }  # fmt: skip
    with pytest.raises(CdmError, match="There is no measure QU99"):
        measures.show(results, "QU99")


def test_the_oldest_queries_come_oldest_first(results):
    rows = queries.oldest(results, 20)
    opened = [row[0] for row in results.execute("SELECT opened_on FROM queries WHERE status IN ('open', 'answered') ORDER BY 1 LIMIT 20").fetchall()]
    assert list(rows.opened_on) == opened and len(opened) == 20


def test_a_limit_of_a_measure_that_does_not_exist_is_refused(data):
    from click.testing import CliRunner

    demo.create(data / "demo")
    settings = data / "demo" / "study.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "\n[parameters.QU03]\ndayz = 60\n", encoding="utf-8")
    snapshot.ingest(studies.load("demo"), demo.CUT_OFFS[0])
    said = CliRunner().invoke(main, ["check", "demo"])
    assert said.exit_code == 1 and "parameters.QU03.dayz: QU03 has days" in said.output


def test_a_mistake_in_the_sql_of_a_measure_is_not_taken_for_missing_data(results):
    measure = dataclasses.replace(measures.library()[0], sql="SELECT nothing AS level FROM queries")
    with pytest.raises(duckdb.BinderException):
        measures.select(results, measure, {}, tables.collected(results))
