"""When could the checklist be clear: a range of dates from the pace of the weeks seen, with its assumptions, and how earlier weeks would have done."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import duckdb
import pandas as pd

from cdmlib import mart, tables
from cdmlib.mart import Work
from cdmlib.standard import literal

NEEDED = 3  # weeks that must have been seen
MOST = 12  # the last weeks that are looked at: a pace of long ago says little
APART = ("RD01", "RD17", "RD24", "RD25")  # visits to come have a date of their own; checks not run have no pace; freezing and locking come last, all at once
WEEKS = (
    "as_of VARCHAR, run VARCHAR, subjects BIGINT, clean BIGINT, to_clear BIGINT, new BIGINT, cleared BIGINT, queries BIGINT, "
    "opened BIGINT, closed BIGINT, visits_expected BIGINT, visits_overdue BIGINT"
)
FORECAST = (
    "part VARCHAR, backlog BIGINT, slowest DOUBLE, usual DOUBLE, quickest DOUBLE, early VARCHAR, likely VARCHAR, late VARCHAR, says VARCHAR"
)
BACK_TEST = "made_on VARCHAR, for_week VARCHAR, part VARCHAR, said_low BIGINT, said_likely BIGINT, said_high BIGINT, came BIGINT, within BOOLEAN"
ASSUMPTIONS = (
    "While visits go on, as many things come up as are cleared. After the last visit nothing new comes up.",
    "What is open today is cleared after the last visit, by each who must act on their own: early at the pace of the quickest week seen, likely at the "
    "mean of all, late at the pace of the slowest; when nothing was cleared in the slowest week, at half the mean.",
    "The last visit is the latest due date of the visits still expected, plus the time from a visit to its entry: early none, likely the median, late "
    "that of nine pages in ten.",
    "A thing to clear is a query, finding, page or visit that blocks a criterion; it counts once for each who must act on it. Waived ones do not count.",
    "Not in it: checks that are not run, freezing and locking in the EDC, attestations, and the signatures of the lock. They come on top.",
)


@dataclass(frozen=True)
class Week:
    """One week seen: its cut-off date, what was to clear, each thing as (owner, where and what), and the counts of WEEKS in their order."""

    as_of: str
    things: frozenset[tuple]
    counts: tuple

    def of(self, owner: str) -> set[tuple]:
        return {thing for thing in self.things if thing[0] == owner}


@dataclass(frozen=True)
class Pace:
    """What an owner has left to clear, and how many things they cleared per seven days, in each interval seen."""

    owner: str
    backlog: int
    cleared: tuple[float, ...]

    @property
    def likely(self) -> float:
        return sum(self.cleared) / len(self.cleared)

    @property
    def late(self) -> float:
        return min(self.cleared) or self.likely / 2


def run(work: Work) -> pd.DataFrame:
    """Put the weeks seen, the forecast and its back-test into the tables weeks_seen, forecast and forecast_back_test of the work's database.

    The weeks are the last complete run of each earlier cut-off date and this one; readiness.run must come before. With fewer than
    three weeks the forecast has no date and says why. Returns the table forecast.
    """
    con = work.con
    weeks = [_earlier(work, manifest) for manifest in mart.weeks_before(work.study, work.as_of)[1 - MOST :]]
    weeks = [week for week in weeks if week] + [_week(con, "", work.as_of, work.run)]
    for name, columns in (("weeks_seen", WEEKS), ("forecast", FORECAST), ("forecast_back_test", BACK_TEST)):
        con.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
    rows = [_with_flow(week, before) for before, week in pairwise([None, *weeks])]
    con.executemany(f"INSERT INTO weeks_seen VALUES ({', '.join('?' * 12)})", rows)
    con.executemany(f"INSERT INTO forecast VALUES ({', '.join('?' * 9)})", _forecast(con, work.as_of, weeks))
    if tested := back_test(weeks):
        con.executemany(f"INSERT INTO forecast_back_test VALUES ({', '.join('?' * 8)})", tested)
    return show(con)


def show(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The range of dates and what each part of the way adds: part, backlog, pace per week, early, likely, late, what it says."""
    rows = con.execute(
        """SELECT part, backlog AS "to clear", slowest AS "cleared in the slowest week", usual AS "in a usual week", quickest AS "in the quickest week",
                  early, likely, late, says
           FROM   forecast ORDER BY rowid"""
    ).df()
    return rows.astype(object).where(rows.notna(), "")


def assumptions() -> pd.DataFrame:
    """What the forecast takes for granted, in words."""
    return pd.DataFrame({"the forecast assumes": ASSUMPTIONS})


def show_weeks(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The weeks seen: clean subjects, what blocked and how much of it came and went, queries, visits."""
    return con.execute(
        """SELECT as_of AS week, clean || ' of ' || subjects || ' (' || round(100.0 * clean / nullif(subjects, 0), 1) || ' %)' AS "clean subjects",
                  to_clear AS "to clear", new AS "new since", cleared AS "cleared since", queries AS "queries open or answered", opened AS "opened in 7 days",
                  closed AS "closed in 7 days", visits_expected AS "visits to come", visits_overdue AS "visits overdue"
           FROM   weeks_seen ORDER BY as_of"""
    ).df()


def show_back_test(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """What earlier weeks would have said of the things cleared in the week after, against what came, by owner."""
    return con.execute(
        """SELECT made_on AS "said on", for_week AS "for the week to", part AS owner, said_low || ' to ' || said_high AS "cleared, as said",
                  said_likely AS likely, came, CASE WHEN within THEN 'yes' ELSE 'no' END AS "in the range"
           FROM   forecast_back_test ORDER BY made_on, part"""
    ).df()


def back_test(weeks: list[Week]) -> list[tuple]:
    """For each week that had enough weeks before it: what it would have said each owner clears until the next one, and what came."""
    found = []
    for at in range(NEEDED - 1, len(weeks) - 1):
        now, following = weeks[at], weeks[at + 1]
        share = _days(now.as_of, following.as_of) / 7
        for pace in paces(weeks[: at + 1]):
            low, high = min(math.floor(pace.late * share), pace.backlog), min(math.ceil(max(pace.cleared) * share), pace.backlog)
            came = len(now.of(pace.owner) - following.things)
            found.append((now.as_of, following.as_of, pace.owner, low, min(round(pace.likely * share), pace.backlog), high, came, low <= came <= high))
    return found


def paces(weeks: list[Week]) -> list[Pace]:
    """Per owner with something left in the last week: how many of their things went per seven days between the weeks."""
    found = []
    for owner in sorted({owner for owner, *_ in weeks[-1].things}):
        cleared = [len(a.of(owner) - b.things) * 7 / _days(a.as_of, b.as_of) for a, b in pairwise(weeks)]
        found.append(Pace(owner, len(weeks[-1].of(owner)), tuple(cleared)))
    return found


def _forecast(con: duckdb.DuckDBPyConnection, as_of: str, weeks: list[Week]) -> list[tuple]:
    """The rows of the table forecast: the whole, the last visit, then each owner."""
    nothing = (None,) * 7
    if len(weeks) < NEEDED:
        weeks_seen = "1 week has" if len(weeks) == 1 else f"{len(weeks)} weeks have"
        return [("checklist clear", *nothing, f"not forecast: {weeks_seen} been seen; {NEEDED} are needed for a pace")]
    if not weeks[-1].counts[2]:
        return [("checklist clear", *nothing, "not forecast: there are no subjects")]
    last, visits = _last_visit(con, as_of)
    if last is None:
        return [("checklist clear", *nothing, f"not forecast: {visits}")]
    rows = [("last visit entered", weeks[-1].counts[10], None, None, None, *last, visits)]
    for pace in paces(weeks):
        speeds = (max(pace.cleared), pace.likely, pace.late)
        dates = [_plus(start, 7 * math.ceil(pace.backlog / speed)) if speed else None for start, speed in zip(last, speeds, strict=True)]
        says = "nothing was cleared in the weeks seen: no date" if not pace.likely else "" if min(pace.cleared) else "nothing was cleared in the slowest week"
        rows.append((f"cleared by {pace.owner}", pace.backlog, min(pace.cleared), round(pace.likely, 1), max(pace.cleared), *dates, says))
    stuck = [row[0].removeprefix("cleared by ") for row in rows if row[7] is None]
    paced = [row for row in rows if row[7] is not None]
    whole = tuple(max(row[at] for row in paced) for at in (5, 6, 7))
    slowest = max(paced, key=lambda row: row[6])[0].removeprefix("cleared by ")
    n = len(weeks) - 1  # of n weeks' paces in any order, the next one lies between the lowest and the highest n - 1 times in n + 1
    says = f"from {len(weeks)} weeks: a next week's pace lies in the range of the {n} seen only about {n - 1} times in {n + 1}; {slowest} sets the likely date"
    total, left = (sum(row[1] for row in which if row[2] is not None) for which in (rows, paced))
    if not stuck:
        return [("checklist clear", total, None, None, None, *whole, says), *rows]
    who = ", ".join(stuck)
    none = ("checklist clear", total, None, None, None, None, None, None, f"no date: nothing was cleared in the weeks seen by {who}")
    return [none, (f"all but what waits for {who}", left, None, None, None, *whole, says), *rows]


def _last_visit(con: duckdb.DuckDBPyConnection, as_of: str) -> tuple[list[str] | None, str]:
    """Early, likely and late day on which the last expected visit is entered, and why; None when it can't be known."""
    there = tables.collected(con)
    if "status" not in there.get("visit_status", ()):
        return None, "neither a visit listing nor the plan says which visits are still to come"
    due = "planneddtc" if "planneddtc" in there["visit_status"] else "CAST(NULL AS VARCHAR)"
    expected, dated, last = con.execute(
        f"SELECT count(*), count(CASE WHEN iso_full({due}) THEN 1 END), max(CASE WHEN iso_full({due}) THEN left({due}, 10) END) FROM visit_status WHERE status = 'expected'"
    ).fetchone()
    if expected and not dated:
        return None, f"no due date is known of the {expected} visits still to come"
    days = [0, 0, 0]
    if "entry_days" in there.get("pages", ()):
        lags = con.execute("SELECT quantile_disc(entry_days, [0.5, 0.9]) FROM pages WHERE entered = 'Y' AND entry_days >= 0").fetchone()[0]
        days = [0, *(int(lag) for lag in lags)] if lags else days
    says = f"{expected} visits to come, the last of them due on {last}; entered {days[1]} to {days[2]} days later" if expected else "no visit is to come"
    unknown = expected - dated
    if unknown:  # of subjects who have not been dosed; the whole of the plan lies before them
        plan = con.execute("SELECT max(day + after) FROM visit_plan").fetchone()[0] or 0
        last = max(last, _plus(as_of, plan))
        says = f"{expected} visits to come; {unknown} have no due date yet, and are taken to be over within the {plan:g} days of the plan: by {last}"
    start = max(last or as_of, as_of)
    return [_plus(start, n if expected else 0) for n in days], says


def _earlier(work: Work, manifest: dict) -> Week | None:
    path = work.study.folder / "marts" / manifest["mart"]
    work.con.execute(f"ATTACH {literal(str(path))} AS earlier (READ_ONLY)")
    try:
        names = {row[0] for row in work.con.execute("SELECT table_name FROM information_schema.tables WHERE table_catalog = 'earlier'").fetchall()}
        return _week(work.con, "earlier.", manifest["as_of"], manifest["run"]) if {"blockers", "readiness", "criteria"} <= names else None
    finally:
        work.con.execute("DETACH earlier")


def _week(con: duckdb.DuckDBPyConnection, place: str, as_of: str, run: str) -> Week:
    """What a week's results say; blockers of criteria that are waived for their subject do not count."""
    things = con.execute(
        f"""SELECT DISTINCT b.owner, coalesce(b.subjid, ''), coalesce(b.visit, ''), coalesce(b.form, ''), coalesce(b.record_key, b.criterion)
            FROM   {place}blockers AS b
            LEFT JOIN {place}readiness AS r ON r.level = 'subject' AND r.subjid = b.subjid AND r.criterion = b.criterion
            WHERE  NOT list_contains($apart, b.criterion) AND coalesce(r.status, 'blocked') = 'blocked'""",
        {"apart": list(APART)},
    ).fetchall()

    def count(table: str, column: str, sql: str) -> list:
        catalog = "'earlier'" if place else "current_database()"
        where = f"table_catalog = {catalog} AND table_schema = 'main' AND table_name = $table AND column_name = $column"
        known = con.execute(f"SELECT count(*) FROM information_schema.columns WHERE {where}", {"table": table, "column": column}).fetchone()[0]
        return list(con.execute(sql).fetchone()) if known else [None] * sql.count("count(")

    subjects = count("readiness", "ready", f"SELECT count(*), count(CASE WHEN ready THEN 1 END) FROM {place}readiness WHERE level = 'subject' AND criterion = 'all'")
    within = "BETWEEN 0 AND 6"
    asked = count(
        "queries", "closed_on",
        f"""SELECT count(CASE WHEN status IN ('open', 'answered') THEN 1 END), count(CASE WHEN iso_days(opened_on, '{as_of}') {within} THEN 1 END),
                   count(CASE WHEN iso_days(closed_on, '{as_of}') {within} THEN 1 END) FROM {place}queries""",
    )  # fmt: skip
    visits = count("visit_status", "status", f"SELECT count(CASE WHEN status = 'expected' THEN 1 END), count(CASE WHEN status = 'overdue' THEN 1 END) FROM {place}visit_status")
    return Week(as_of, frozenset(things), (as_of, run, *subjects, len(things), None, None, *asked, *visits))


def _with_flow(week: Week, before: Week | None) -> tuple:
    """The row of weeks_seen, with what came and went since the week before."""
    if before is None:
        return week.counts
    new, cleared = len(week.things - before.things), len(before.things - week.things)
    return (*week.counts[:5], new, cleared, *week.counts[7:])


def _days(first: str, second: str) -> int:
    return (date.fromisoformat(second) - date.fromisoformat(first)).days


def _plus(day: str, number: float) -> str:
    return (date.fromisoformat(day) + timedelta(days=int(number))).isoformat()
