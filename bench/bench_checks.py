"""All checks on a study, against the same SELECTs run by hand in DuckDB; prints the ratio.

`python bench/bench_checks.py [STUDY]` runs on a study of the data folder (default demo) that has a snapshot.
"""

from __future__ import annotations

import statistics
import sys
import time

import duckdb

from cdmlib import checks, mart, tables

ROUNDS = 5


def by_hand(work, chosen, there) -> float:
    """Seconds to run each check's own SELECT and fetch its rows, as a programmer would in a DuckDB client."""
    started = time.perf_counter()
    for check in chosen:
        sql = tables.with_optional(check, there)
        params = checks.used_params(sql, {"as_of": work.as_of} | check.params | work.study.parameters.get(check.id, {}))
        work.con.execute(sql, params).fetchall()
    return time.perf_counter() - started


def through_the_runner(work) -> float:
    work.con.execute("DROP TABLE IF EXISTS findings; DROP TABLE IF EXISTS check_runs")
    started = time.perf_counter()
    checks.run(work)
    return time.perf_counter() - started


def main(study: str) -> None:
    with mart.scratch(study) as work:
        tables.build(work)
        through_the_runner(work)
        ran = set(
            row[0]
            for row in work.con.execute(
                "SELECT check_id FROM check_runs WHERE outcome IN ('findings', 'clean')"
            ).fetchall()
        )
        there = tables.collected(work.con)
        chosen = [check for check in checks.library(work.study) if check.id in ran]
        pairs = [(by_hand(work, chosen, there), through_the_runner(work)) for _ in range(ROUNDS)]
        rows = work.con.execute("SELECT sum(n_findings) FROM check_runs").fetchone()[0]
    hand, runner = (statistics.median(times) for times in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    print(f"{study}: {len(chosen)} checks, {rows} findings, DuckDB {duckdb.__version__}")
    print(
        f"by hand {hand:.3f} s, through the runner (messages, evidence, outcomes kept) {runner:.3f} s: ratio {ratio:.2f}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:2] or ["demo"])
