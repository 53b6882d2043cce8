"""A weekly run killed at any moment: what was published stays, the journal is whole, the run is listed as failed, the next one completes."""

from __future__ import annotations

import csv
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from cdmlib import checks as all_checks
from cdmlib import cleaning, demo, findings, journal, mart, notebooks, snapshot, tables
from cdmlib import study as studies

PROCESSES = multiprocessing.get_context("fork")
WEEKS = ("2024-03-04", "2024-03-11")
SUBJECTS = 12  # of the demo's 240, so that a run is short and a kill hits every stage of it
KILLS, NOTEBOOK_KILLS = 60, 3


def week(cutoff: str) -> str:
    """A weekly run as the notebooks do it, in this process, with a review entered meanwhile; the run's id."""
    study = studies.load("demo")
    run = mart.new_run(study, cutoff)
    snapshot.ingest(study, cutoff)
    journal.append(study, "dm.one", "data manager", [journal.Act("note", run, new=str(n)) for n in range(5)], run=run, batch=run)
    work = mart.begin("demo", cutoff, run)
    tables.build(work)
    all_checks.run(work, ("AE004", "DM001", "VS001"))
    findings.follow(work)
    cleaning.write(work)
    mart.publish(work)
    return run


@pytest.fixture
def study(data, monkeypatch):
    """The demo with a few of its subjects, its first week run and published."""
    monkeypatch.setenv("CDM_USER", "dm.one")
    demo.create(data / "demo")
    for extract in (data / "demo" / "incoming").iterdir():
        if extract.name not in WEEKS:
            shutil.rmtree(extract)
            continue
        for path in extract.glob("*.csv"):
            keep_few(path)
    week(WEEKS[0])
    return studies.load("demo")


def keep_few(path) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    at = next((head.index(name) for name in ("Subject", "subjectnameoridentifier") if name in head), None)
    if at is None:
        return
    wanted = sorted({row[at] for row in rows if len(row) > at})[:SUBJECTS]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([head, *(r for r in rows if len(r) <= at or r[at] in wanted)])


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


def test_a_run_killed_at_60_random_moments_harms_nothing_and_the_next_completes(study):
    started = time.perf_counter()
    week(WEEKS[1])
    usual = time.perf_counter() - started
    chance, stopped, failed = random.Random(20240304), 0, 0
    for kill in range(KILLS):
        if kill % 10 == 0:  # take in the second extract again, so that some kills hit that too
            for folder in (study.folder / "snapshots").glob(f"{WEEKS[1]}-*"):
                shutil.rmtree(folder)
        before, runs = published(study), set(listed(study))
        job = PROCESSES.Process(target=week, args=(WEEKS[1],))
        job.start()
        time.sleep(chance.uniform(0, usual * 1.05))
        os.kill(job.pid, signal.SIGKILL)
        job.join()
        stopped += job.exitcode == -signal.SIGKILL
        held_up(study, before)
        failed += sum(listed(study)[run][0] == "failed" for run in set(listed(study)) - runs)
    assert stopped > KILLS * 0.8 and failed > KILLS * 0.6, (stopped, failed)
    run = week(WEEKS[1])
    assert listed(study)[run] == ("complete", True) and published(study)[0] == run
    held_up(study, published(study))
    leftovers = [path for folder in ("marts", "snapshots") for path in (study.folder / folder).glob(".*")]
    assert leftovers == [], "the next run cleared away what the killed ones left"


def test_a_killed_weekly_command_with_its_notebooks_is_listed_as_failed_and_the_next_one_completes(study):
    command = [sys.executable, "-c", "from cdmlib.cli import main; main()"]
    chance = random.Random(7)
    for kill in range(NOTEBOOK_KILLS):
        before = published(study)
        job = subprocess.Popen([*command, "weekly", "demo", "--cutoff", WEEKS[1]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        job.stdout.readline()  # the run has begun
        time.sleep(kill * 2 + chance.uniform(0, 2))
        job.kill()
        job.wait()
        time.sleep(3)  # a notebook's kernel ends itself when its parent is gone
        held_up(study, before)
    assert "failed" in {status for status, _ in listed(study).values()}
    made = notebooks.weekly("demo", WEEKS[1])
    assert listed(study)[made.run] == ("complete", True)
    output = subprocess.run([*command, "runs", "demo"], capture_output=True, text=True, check=True).stdout
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
