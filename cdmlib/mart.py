"""The mart: built in a working file, published as a whole, opened read-only by everybody else."""

from __future__ import annotations

import getpass
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import duckdb
import pandas as pd

from cdmlib import journal, standard
from cdmlib import snapshot as snapshots
from cdmlib import study as studies
from cdmlib.errors import CdmError
from cdmlib.snapshot import Snapshot
from cdmlib.study import Study

EARLIER = 12  # weeks before a run whose results it may look at; as many are kept with its archive
PARTS = ("cdmlib", "duckdb", "pandas", "papermill", "pyarrow", "xlsxwriter")
KILLED = "its process ended before the run did: it was killed, or the machine stopped"
_held: dict[Path, int] = {}  # the folders of the runs that this process works on


@dataclass(frozen=True)
class Work:
    """One run at work: the study, the snapshot it reads, its folder, and the database being built."""

    study: Study
    snapshot: Snapshot
    as_of: str
    run: str
    folder: Path
    con: duckdb.DuckDBPyConnection


def new_run(study: Study, cutoff: str, by_hand: bool = False) -> str:
    """A run id that nobody has, such as 2024-03-04-001, with its folder under runs/ listed as running.

    by_hand: in a notebook that somebody works in, so that no executed notebook is kept.
    """
    settle(study)
    (study.folder / "runs").mkdir(exist_ok=True)
    for number in range(1, 1000):
        run = f"{cutoff}-{number:03d}"
        with suppress(FileExistsError):
            (study.folder / "runs" / run).mkdir()
            _hold(study.folder / "runs" / run)
            if _manifest(study.folder / "runs" / run):  # taken for one that was killed, before it was held
                continue
            note(
                study,
                run,
                status="running",
                cutoff=cutoff,
                started_at=_now(),
                by=getpass.getuser(),
                host=platform.node(),
                pid=os.getpid(),
                by_hand=by_hand,
                data_folder=str(study.folder.parent),
                snapshots_before=[s.id for s in snapshots.list_all(study)],
                python=platform.python_version(),
                parts={part: version(part) for part in PARTS},
            )
            return run
    raise CdmError(
        f"Study {study.id} has 999 runs for {cutoff}; that can't be right. Look into {study.folder / 'runs'}."
    )


def note(study: Study, run: str, **facts: object) -> None:
    """Add facts to a run's manifest.json, written as a whole."""
    folder = study.folder / "runs" / run
    manifest = _manifest(folder) or {"study": study.id, "run": run}
    replace(folder / "manifest.json", json.dumps(manifest | facts, indent=1, ensure_ascii=False) + "\n")


def finish(study: Study, run: str, status: str, **facts: object) -> None:
    """Close a run as complete or failed, with the time; what a failed one left half made is removed.

    A run whose results are the published ones is complete, whatever stopped it afterwards: publishing was its last act.
    """
    published = f"{run}.duckdb"
    if status == "failed" and _current(study) == published:
        status, facts = "complete", {"mart": published}
    elif status == "failed":
        for left in (_working(study, run), study.folder / "marts" / published, study.folder / "marts" / f".current.{run}"):
            for file in (left, left.with_name(left.name + ".wal")):
                file.unlink(missing_ok=True)
    note(study, run, status=status, finished_at=_now(), **facts)
    release(study, run)


def release(study: Study, run: str) -> None:
    """Hold a run no longer: this process has done with it."""
    if handle := _held.pop(study.folder / "runs" / run, None):
        os.close(handle)


def settle(study: Study) -> None:
    """Close as failed the runs whose processes ended before they did."""
    for path in sorted((study.folder / "runs").glob("*/")):
        if _manifest(path).get("status", "running") == "running":
            with snapshots.unused(path) as free:
                if free and _manifest(path).get("status", "running") == "running":
                    began = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
                    unsaid = {"cutoff": path.name.rpartition("-")[0], "started_at": began, "by": "unknown"}  # when it was killed before it said anything
                    finish(study, path.name, "failed", error=KILLED, **({} if _manifest(path) else unsaid))


def runs(study: Study) -> pd.DataFrame:
    """The runs of a study, oldest first: run, status (complete, failed, running), as_of, started_at, finished_at, by, published, error."""
    settle(study)
    current, names = _current(study), ("status", "as_of", "started_at", "finished_at", "by", "error")
    found = []
    for path in sorted((study.folder / "runs").glob("*/")):
        manifest = {"as_of": _manifest(path).get("cutoff", "")} | _manifest(path)
        facts = {name: manifest.get(name, "") for name in names}
        found.append({"run": path.name} | facts | {"published": current == f"{path.name}.duckdb"})
    return pd.DataFrame(found, columns=["run", *names[:-1], "published", names[-1]])


def weeks_before(study: Study, as_of: str) -> list[dict]:
    """The manifest of the last complete run of each earlier cut-off date, in their order; running a week again looks at the same weeks."""
    weeks = {}
    for path in sorted((study.folder / "runs").glob("*/")):
        manifest = _manifest(path)
        there = (study.folder / "marts" / manifest.get("mart", "-")).exists()
        if manifest.get("status") == "complete" and manifest["as_of"] < as_of and there:
            weeks[manifest["as_of"]] = manifest
    return [weeks[day] for day in sorted(weeks)]


def week_before(study: Study, as_of: str) -> dict | None:
    """The manifest of the last complete run with an earlier cut-off date."""
    return next(reversed(weeks_before(study, as_of)), None)


def _hold(folder: Path) -> None:
    """Hold a run's folder as long as this process works on it, so that others can tell a run at work from a killed one."""
    if folder not in _held:
        _held[folder] = snapshots.hold(folder)


def _manifest(folder: Path) -> dict:
    path = folder / "manifest.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _current(study: Study) -> str:
    path = study.folder / "marts" / "current"
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def begin(study: str, cutoff: str = "", run: str = "") -> Work:
    """Open the newest snapshot up to a cut-off date for work, with its datasets as views and an empty database to build.

    run: an existing run of this study; empty starts a new one. The working file is not visible to readers until `publish`.
    """
    opened = studies.load(study)
    _refuse_when_locked(opened)
    snapshot = snapshots.find(opened, cutoff)
    as_of = cutoff or snapshot.cutoff
    run = run or new_run(opened, as_of, by_hand=True)
    folder = opened.folder / "runs" / run
    if not folder.is_dir():
        raise CdmError(f"Study {study} has no run {run!r}. Leave the run empty to start a new one.")
    _hold(folder)
    working = _working(opened, run)
    working.parent.mkdir(exist_ok=True)
    for leftover in (working, working.with_name(working.name + ".wal")):
        leftover.unlink(missing_ok=True)
    seq, digest = journal.head(opened)
    earlier = [manifest["run"] for manifest in weeks_before(opened, as_of)[-EARLIER:]]  # a run looks at their results, so re-executing it needs them
    note(opened, run, snapshot=snapshot.id, as_of=as_of, journal_head={"seq": seq, "hash": digest}, earlier_runs=earlier)
    return Work(opened, snapshot, as_of, run, folder, _connect(str(working), snapshot))


def _refuse_when_locked(study: Study) -> None:
    stands = journal.stands(study)
    if stands.state in ("soft locked", "locked"):
        raise CdmError(f"Study {study.id} is {stands.said}: its results are not made anew.")


@contextmanager
def scratch(study: str, cutoff: str = "") -> Iterator[Work]:
    """A work in memory that leaves nothing behind: to try checks without a run."""
    opened = studies.load(study)
    snapshot = snapshots.find(opened, cutoff)
    with connected(snapshot) as con:
        yield Work(opened, snapshot, cutoff or snapshot.cutoff, "", Path(), con)


@contextmanager
def connected(snapshot: Snapshot) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory with the macros and the datasets of a snapshot."""
    con = _connect(":memory:", snapshot)
    try:
        yield con
    finally:
        con.close()


def _connect(database: str, snapshot: Snapshot) -> duckdb.DuckDBPyConnection:
    """A database of one thread (equal sums on every machine) in UTC, with the macros and the snapshot's datasets."""
    con = duckdb.connect(database, config={"threads": 1})
    con.execute("SET TimeZone = 'UTC'")
    standard.load_macros(con)
    snapshots.attach(con, snapshot)
    return con


def publish(work: Work) -> Path:
    """Make the work's database the study's published mart, all at once, and close it."""
    _refuse_when_locked(work.study)
    if (ended := json.loads((work.folder / "manifest.json").read_text(encoding="utf-8"))["status"]) != "running":
        raise CdmError(f"Run {work.run} of study {work.study.id} is {ended} already. Start another one.")
    work.con.execute(
        "CREATE OR REPLACE TABLE runs (run VARCHAR, study VARCHAR, title VARCHAR, as_of VARCHAR, snapshot VARCHAR)"
    )
    work.con.execute(
        "INSERT INTO runs VALUES (?, ?, ?, ?, ?)",
        [work.run, work.study.id, work.study.study.title, work.as_of, work.snapshot.id],
    )
    work.con.execute("CHECKPOINT")
    work.con.close()
    working, published = _working(work.study, work.run), work.study.folder / "marts" / f"{work.run}.duckdb"
    snapshots.sync(working)
    settle(work.study)
    working.replace(published)
    replace(published.parent / "current", published.name + "\n", writer=published.stem)
    finish(work.study, work.run, "complete", mart=published.name)
    return published


def open_published(study: Study) -> duckdb.DuckDBPyConnection:
    """The published mart, read-only and without access to files or extensions. Raises CdmError when nothing is published."""
    current = study.folder / "marts" / "current"
    if not current.exists():
        raise CdmError(f"Study {study.id} has no published results yet. Run `cdm weekly {study.id}`.")
    return _read_only(current.parent / current.read_text(encoding="utf-8").strip())


def open_run(study: Study, run: str) -> duckdb.DuckDBPyConnection:
    """The results of one run, read-only. Raises CdmError when the run did not complete."""
    path = study.folder / "marts" / f"{run}.duckdb"
    if not path.exists():
        raise CdmError(f"Run {run} of study {study.id} has no results: it did not complete, or they were removed.")
    return _read_only(path)


def _read_only(path: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(path), read_only=True, config={"enable_external_access": False})


def replace(path: Path, text: str, writer: str = "") -> None:
    """Write a text file so that readers see the old one or the new one, never a part. writer: names what is half written; this process when not given."""
    temporary = path.with_name(f".{path.name}.{writer or os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    snapshots.sync(temporary)
    temporary.replace(path)
    snapshots.sync(path.parent)


def _working(study: Study, run: str) -> Path:
    return study.folder / "marts" / f".{run}.building"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
