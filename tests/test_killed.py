"""A weekly run killed at any moment: what was published stays, the journal is whole, the run is listed as failed, the next one completes."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import time

import pytest

from bench import bench_killed
from cdmlib import archive, cleaning, findings, journal, mart, notebooks, snapshot, tables
from cdmlib import checks as all_checks
from cdmlib import study as studies
from tests.golden import make

PROCESSES = multiprocessing.get_context("fork")
WEEKS = make.WEEKS
KILLS, NOTEBOOK_KILLS = 60, 3  # bench/bench_killed.py does 60 of the second kind


def week(cutoff: str) -> str:
    """A weekly run as the notebooks do it, in this process, with three checks and a review entered meanwhile, sealed; the run's id."""
    study = studies.load("golden")
    run = mart.new_run(study, cutoff)
    snapshot.ingest(study, cutoff)
    journal.append(study, "dora", "data manager", [journal.Act("note", run, new=str(n)) for n in range(5)], run=run, batch=run)
    work = mart.begin("golden", cutoff, run)
    tables.build(work)
    all_checks.run(work, ("AE004", "DM001", "VS001"))
    findings.follow(work)
    cleaning.write(work)
    mart.publish(work)
    archive.seal(study, run, notebooks.folder())
    return run


@pytest.fixture
def study(data, monkeypatch):
    """A study of six subjects, its first week run and published."""
    monkeypatch.setenv("CDM_USER", "dora")
    make.study(data / "golden")
    week(WEEKS[0])
    return studies.load("golden")


def published(study) -> tuple:
    """What a reader sees: which results are published, and all findings in them."""
    with mart.open_published(study) as con:
        return con.execute("SELECT run FROM runs").fetchone()[0], con.execute("SELECT * FROM findings ORDER BY ALL").fetchall()


def listed(study) -> dict[str, tuple[str, bool]]:
    return {row.run: (row.status, row.published) for row in mart.runs(study).itertuples()}


def held_up(study, before: tuple) -> None:
    """What must be true after a kill: every promise to the reader, whichever moment it was."""
    now, runs = published(study), listed(study)
    assert "running" not in {status for status, _ in runs.values()}
    assert now == before or runs[now[0]] == ("complete", True), "the results before, or whole new ones"
    assert [run for run, (_, shown) in runs.items() if shown] == [now[0]]
    for run, (status, _) in runs.items():
        mart_there = (study.folder / "marts" / f"{run}.duckdb").exists()
        assert mart_there == (status == "complete"), run
    assert journal.verify(study).ok, journal.verify(study).said
    for taken in snapshot.list_all(study):
        assert all(taken.parquet(dataset).exists() for dataset in taken.datasets)
    batches = {}
    for entry in journal.read(study, act="note"):
        batches.setdefault(entry.batch, []).append(entry.new)
    assert all(batch == list("01234") for batch in batches.values())


@pytest.mark.requirement("R21")
def test_a_run_killed_at_60_random_moments_harms_nothing_and_the_next_completes(study):
    week(WEEKS[1])
    job, started = PROCESSES.Process(target=week, args=(WEEKS[1],)), time.perf_counter()
    job.start()
    job.join()
    usual = time.perf_counter() - started
    chance, stopped, failed, looked_at = random.Random(20240304), 0, 0, set()
    assert bench_killed.faults(study, looked_at) == []
    for kill in range(KILLS):
        if kill % 10 == 0:  # take in the second extract again, so that some kills hit that too
            for folder in (study.folder / "snapshots").glob(f"{WEEKS[1]}-*"):
                shutil.rmtree(folder)
        before, runs = published(study), set(listed(study))
        job = PROCESSES.Process(target=week, args=(WEEKS[1],))
        started = time.perf_counter()
        job.start()
        job.join(chance.uniform(0, usual * 1.05))
        if job.is_alive():
            os.kill(job.pid, signal.SIGKILL)
            job.join()
        else:  # it ended before its moment came: the machine was busier when `usual` was taken
            usual = min(usual, time.perf_counter() - started)
        stopped += job.exitcode == -signal.SIGKILL
        held_up(study, before)
        assert bench_killed.faults(study, looked_at) == []
        failed += sum(listed(study)[run][0] == "failed" for run in set(listed(study)) - runs)
    assert stopped > KILLS * 0.8 and failed > KILLS * 0.6, (stopped, failed)
    run = week(WEEKS[1])
    assert listed(study)[run] == ("complete", True) and published(study)[0] == run
    held_up(study, published(study))
    leftovers = [path for folder in ("marts", "snapshots") for path in (study.folder / folder).glob(".*")]
    assert leftovers == [], "the next run cleared away what the killed ones left"


@pytest.mark.requirement("R21")
def test_a_killed_weekly_command_leaves_a_whole_archive_or_a_failed_run_and_the_next_one_completes(study):
    dice, looked_at = random.Random(7), set()
    for kill in range(NOTEBOOK_KILLS):
        before = published(study)
        bench_killed.kill(study, 1 + 3 * kill + dice.uniform(0, 3))
        held_up(study, before)
        assert bench_killed.faults(study, looked_at) == []
    assert "failed" in {status for status, _ in listed(study).values()}
    made = notebooks.weekly("golden", WEEKS[1])
    assert listed(study)[made.run] == ("complete", True)
    output = subprocess.run([*bench_killed.CDM, "runs", "golden"], capture_output=True, text=True, check=True).stdout
    assert "failed" in output and "it was killed" in output and made.run in output


def test_a_run_at_work_is_not_taken_for_a_killed_one(study):
    run = mart.new_run(study, WEEKS[1])
    assert listed(study)[run] == ("running", False)
    mart.finish(study, run, "failed", error="stopped by a person")
    assert listed(study)[run] == ("failed", False)


def test_a_run_that_was_published_before_it_was_stopped_is_complete(study):
    run = week(WEEKS[1])
    mart.note(study, run, status="running")  # as if it had been killed between publishing and saying so
    assert listed(study)[run] == ("complete", True)
    mart.finish(study, run, "failed", error="interrupted")
    assert listed(study)[run] == ("complete", True) and published(study)[0] == run
