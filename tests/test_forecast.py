"""The forecast of the lock: paces and dates worked out by hand, silence with too little history, and the test on the weeks seen."""

from __future__ import annotations

import pytest

from cdmlib import forecast, standard
from cdmlib.forecast import Week

DAYS = ("2024-03-04", "2024-03-11", "2024-03-18", "2024-03-25")


def week(at, **open_things):
    """A week in which each owner has the things with these numbers to clear."""
    things = frozenset((owner, "001", "V1", "AE", str(n)) for owner, numbers in open_things.items() for n in numbers)
    return Week(DAYS[at], things, (DAYS[at], f"{DAYS[at]}-001", 10, 2, len(things), None, None, 0, 0, 0, 0, 0))


@pytest.fixture
def con():
    """Results with two visits to come, the last due on 2024-06-03, and ten pages entered 0 to 9 days after their visit."""
    con = standard.empty_database()
    for visit, due in (("W4", "2024-05-01"), ("W8", "2024-06-03")):
        con.execute("INSERT INTO visit_status (record_key, subjid, visit, status, planneddtc) VALUES (?, '001', ?, 'expected', ?)", [visit, visit, due])
    for days in range(10):
        con.execute("INSERT INTO pages (record_key, subjid, entered, entry_days) VALUES (?, '001', 'Y', ?)", [str(days), days])
    return con


def dates(con, weeks):
    return {part: (early, likely, late) for part, _, _, _, _, early, likely, late, _ in forecast._forecast(con, weeks[-1].as_of, weeks)}


def test_the_pace_is_what_went_between_two_weeks_and_new_things_do_not_hide_it():
    weeks = [week(0, site=range(10)), week(1, site=range(4, 14)), week(2, site=range(6, 16))]
    (pace,) = forecast.paces(weeks)
    assert (pace.owner, pace.backlog, pace.cleared) == ("site", 10, (4.0, 2.0))


def test_a_longer_interval_counts_per_seven_days():
    weeks = [week(0, site=range(10)), week(2, site=range(4, 10)), week(3, site=range(6, 10))]
    assert forecast.paces(weeks)[0].cleared == (2.0, 2.0)


def test_the_range_is_the_last_visit_and_then_the_backlog_at_the_quickest_usual_and_slowest_pace(con):
    weeks = [week(0, site=range(10)), week(1, site=range(4, 14)), week(2, site=range(6, 16))]
    found = dates(con, weeks)
    # entry of the ten pages: half of them within 4 days, nine of ten within 8
    assert found["last visit entered"] == ("2024-06-03", "2024-06-07", "2024-06-11")
    # ten things at 4, 3 and 2 a week: 3, 4 and 5 weeks
    assert found["cleared by site"] == ("2024-06-24", "2024-07-05", "2024-07-16")
    assert found["checklist clear"] == found["cleared by site"]


def test_the_slowest_of_those_who_must_act_sets_the_date(con):
    weeks = [week(0, site=range(10), DM=range(2)), week(1, site=range(5, 10), DM=range(1, 6)), week(2, site=range(9, 10), DM=range(2, 6))]
    found = dates(con, weeks)
    assert found["cleared by DM"] == ("2024-07-01", "2024-07-05", "2024-07-09")  # 4 things at 1 a week: 4 weeks
    assert found["cleared by site"] == ("2024-06-10", "2024-06-14", "2024-06-18")
    assert found["checklist clear"] == found["cleared by DM"]


def test_when_nothing_was_cleared_in_the_slowest_week_late_is_at_half_the_mean(con):
    weeks = [week(0, site=range(10)), week(1, site=range(10)), week(2, site=range(6, 12))]
    assert dates(con, weeks)["cleared by site"] == ("2024-06-10", "2024-06-21", "2024-07-09")  # 6 things at 6, 3 and 1.5


def test_when_nothing_was_ever_cleared_there_is_no_date_and_it_says_so(con):
    weeks = [week(at, coder=range(3), site=range(5 - at)) for at in range(3)]
    rows = forecast._forecast(con, DAYS[2], weeks)
    assert rows[0][5:8] == (None, None, None) and "nothing was cleared in the weeks seen by coder" in rows[0][8]
    assert rows[1][:2] == ("all but what waits for coder", 3) and rows[1][5:8] == ("2024-06-24", "2024-06-28", "2024-07-02")  # 3 things at 1 a week


@pytest.mark.parametrize("n, said", [(1, "1 week has been seen"), (2, "2 weeks have been seen")])
def test_with_fewer_than_three_weeks_it_is_silent_and_says_why(con, n, said):
    rows = forecast._forecast(con, DAYS[n - 1], [week(at, site=range(9 - at)) for at in range(n)])
    assert len(rows) == 1 and rows[0][1:8] == (None,) * 7 and said in rows[0][8]


def test_without_a_source_of_visits_there_is_no_date(con):
    con.execute("ALTER TABLE visit_status DROP COLUMN status")
    rows = forecast._forecast(con, DAYS[2], [week(at, site=range(9 - at)) for at in range(3)])
    assert len(rows) == 1 and "which visits are still to come" in rows[0][8]


def test_visits_without_a_due_date_are_taken_to_be_over_within_the_plan(con):
    con.execute("INSERT INTO visit_plan VALUES ('W24', 8, 169, 7, 7)")
    con.execute("INSERT INTO visit_status (record_key, subjid, visit, status) VALUES ('x', '002', 'W24', 'expected')")
    (early, *_), said = forecast._last_visit(con, "2024-03-25")
    assert early == "2024-09-17" and "1 have no due date yet" in said  # 2024-03-25 and 176 days


def test_with_no_visit_to_come_the_cleaning_starts_on_the_cut_off_date(con):
    con.execute("DELETE FROM visit_status")
    weeks = [week(0, site=range(3)), week(1, site=range(1, 3)), week(2, site=range(2, 3))]
    assert dates(con, weeks)["checklist clear"] == ("2024-03-25",) * 3  # one thing at one a week


def test_the_back_test_holds_what_a_week_would_have_said_against_what_came():
    weeks = [week(0, site=range(10)), week(1, site=range(4, 14)), week(2, site=range(6, 16)), week(3, site=range(9, 16))]
    assert forecast.back_test(weeks) == [("2024-03-18", "2024-03-25", "site", 2, 3, 4, 3, True)]
    weeks[3] = week(3, site=range(7, 16))
    assert forecast.back_test(weeks) == [("2024-03-18", "2024-03-25", "site", 2, 3, 4, 1, False)]
    assert forecast.back_test(weeks[:3]) == []
