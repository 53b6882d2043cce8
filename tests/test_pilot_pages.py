"""The pages about the public pilot study say what the library gives today. Skipped where the public files are absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.pilot import findings, pinnacle, run

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def ended(realdata, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CDM_DATA", "")  # put back afterwards: the run sets it
        yield run.outcomes(realdata, tmp_path_factory.mktemp("data"))


def test_the_page_of_findings_has_the_counts_of_a_run_of_today(ended):
    assert (DOCS / "pilot_findings.md").read_text(encoding="utf-8") == findings.page(ended), (
        "python bench/bench_pilot.py --doc"
    )


def test_every_check_with_findings_was_looked_at_and_on_the_counts_of_today(ended):
    assert findings.unread(ended) == []


def test_a_changed_count_or_a_check_nobody_looked_at_is_told(ended):
    changed = {name: frame.copy() for name, frame in ended.items()}
    changed["crf"].loc["AE008", "n_findings"] += 1
    changed["crf"].loc["AE004", ["outcome", "n_findings"]] = ["findings", 2]
    told = findings.unread(changed)
    assert [line.split()[0] for line in told] == ["AE004", "AE008"]


def test_no_check_ends_in_an_error_on_the_pilot(ended):
    assert all("error" not in set(frame.outcome) for frame in ended.values())


def test_each_difference_from_the_pinnacle_report_is_explained(ended, realdata):
    rows = pinnacle.comparison(realdata, ended["sdtm"])
    assert pinnacle.unexplained(rows) == []
    assert (DOCS / "pinnacle.md").read_text(encoding="utf-8") == pinnacle.page(rows), (
        "python bench/bench_pilot.py --doc"
    )


def test_the_report_is_read_as_it_stands(realdata):
    """472 events without an end, 12 arms that differ, 2958 issues in all: from the report's own summary."""
    found, rules = pinnacle.theirs(realdata)
    assert (found["AE", "SD0021"], found["DM", "SD2236"], sum(found.values())) == (472, 12, 2958)
    assert len(rules) == 312
