"""Store what the sources sent, once: text as Parquet with a manifest, compared with the snapshot before and held when it looks wrong."""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cdmlib import fingerprints, journal, readers
from cdmlib.errors import CdmError, Held, listed
from cdmlib.readers.dataset import ROW, Dataset
from cdmlib.standard import literal, quote
from cdmlib.study import Source, Study

DATE = re.compile(r"\d{4}-\d\d-\d\d")
SUBJECT_COLUMNS = (
    "SUBJECT", "SUBJID", "USUBJID", "STUDYSUBJECTID", "SUBJECTID", "SUBJECT_ID", "PATNUM", "SUBJECTKEY", "MNPPID", "MNPAID",
)  # fmt: skip
QUARANTINE = pa.schema(
    [
        ("source", "string"),
        ("dataset", "string"),
        ("file", "string"),
        ("row", "int64"),
        ("reason", "string"),
        ("text", "string"),
    ]
)


@dataclass(frozen=True)
class Stored:
    """One dataset of a snapshot, as its manifest describes it; `columns` are the source's own names in order.

    fingerprints: which columns those stored beside a big dataset cover, and with what they were made; empty where there are none.
    """

    source: str
    name: str
    file: str
    rows_in_file: int
    rows_stored: int
    rows_quarantined: int
    subject_column: str
    subjects: int
    columns: list[str]
    labels: dict[str, str]
    notes: list[str]
    fingerprints: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Snapshot:
    """One extract as stored: the folder with its Parquet files and what its manifest says."""

    folder: Path
    id: str
    cutoff: str
    sequence: int
    content: str
    files: list[dict]
    datasets: list[Stored]
    compared_with: str
    differences: list[str]
    confirmed: str

    def parquet(self, dataset: Stored) -> Path:
        return self.folder / f"{dataset.source}.{dataset.name}.parquet"


@dataclass(frozen=True)
class Ingest:
    """What an ingest did: the snapshot now in force, and whether it was stored or known already."""

    snapshot: Snapshot
    stored: bool
    said: str


def list_all(study: Study) -> list[Snapshot]:
    """The snapshots of a study, oldest cut-off first; those of one cut-off in the order they came."""
    found = [
        _read(path.parent)
        for path in sorted((study.folder / "snapshots").glob("*/manifest.json"))
        if not path.parent.name.startswith(".")
    ]
    return sorted(found, key=lambda snapshot: (snapshot.cutoff, snapshot.sequence))


def find(study: Study, cutoff: str = "") -> Snapshot:
    """The newest snapshot, or the newest of a cut-off date. Raises CdmError when there is none."""
    all_ = list_all(study)
    chosen = [snapshot for snapshot in all_ if not cutoff or snapshot.cutoff <= cutoff]
    if not chosen:
        there = (
            f"there are snapshots of {', '.join(s.cutoff for s in all_)}" if all_ else "no extract has been taken in"
        )
        raise CdmError(
            f"Study {study.id} has no snapshot{f' up to {cutoff}' if cutoff else ''}: {there}. Run `cdm ingest {study.id}` first."
        )
    return chosen[-1]


def newest_incoming(study: Study) -> str:
    """The date of the newest folder under incoming/. Raises CdmError when there is none."""
    dates = sorted(path.name for path in study.incoming.glob("*") if path.is_dir() and DATE.fullmatch(path.name))
    if not dates:
        raise CdmError(
            f"{study.incoming} has no folder named by a cut-off date (such as 2024-03-04). Put the extract into one."
        )
    return dates[-1]


def ingest(
    study: Study, cutoff: str = "", confirm: str = "", admit: Callable[[Snapshot], None] | None = None
) -> Ingest:
    """Store the extract in incoming/<cutoff> as a snapshot; the same content again is a no-op.

    A study that is soft locked or locked takes in nothing, and one that is unlocked only what `admit` lets pass (it raises CdmError for
    the others): such an extract is kept word for word under late/, and Held says so.

    confirm: the reason why a held load is right, kept in the manifest with who gave it. Raises Held when a guard stops the load and no
    reason is given, CdmError when the extract can't be read. Nothing is stored in either case.
    """
    cutoff = cutoff or newest_incoming(study)
    if not DATE.fullmatch(cutoff):
        raise CdmError(f"The cut-off date must be written YYYY-MM-DD; given {cutoff!r}.")
    if confirm and len(confirm.strip()) < 3:
        raise CdmError("The reason for confirming a held load must say why, in words.")
    extract = study.incoming / cutoff
    if not extract.is_dir():
        raise CdmError(f"There is no folder {extract}. Put the extract of {cutoff} there.")
    files = files_of(extract)
    if not files:
        raise CdmError(f"{extract} is empty: the transfer holds no file.")
    content = _content(study, files)
    earlier = list_all(study)
    if same := next((snapshot for snapshot in earlier if snapshot.content == content), None):
        if same is not earlier[-1] and same.cutoff != cutoff:
            raise Held(
                f"The extract of {cutoff} is, byte for byte, that of {same.cutoff}, but {earlier[-1].cutoff} has been taken in since. An older transfer seems to have been sent again: nothing was stored."
            )
        return Ingest(same, False, f"The extract of {cutoff} is already stored as {same.id}: nothing to do.")
    stands = journal.stands(study)
    if stands.state in ("soft locked", "locked") or stands.expired(datetime.now(UTC).isoformat()):
        raise _late(extract, content, files, cutoff, study, f"study {study.id} is {stands.said}")
    folder = study.folder / "snapshots" / f"{cutoff}-{content[:12]}"
    with building(folder) as working:
        datasets = _store(study, extract, working)
        before = earlier[-1] if earlier else None
        sequence = 1 + max((s.sequence for s in earlier if s.cutoff == cutoff), default=0)
        snapshot = Snapshot(
            working, folder.name, cutoff, sequence, content, files, datasets, before.id if before else "", [], ""
        )
        changed = _differences(before, snapshot) if before else []
        if alarms := _alarms(study, before, snapshot):
            if not confirm:
                raise Held(
                    listed(alarms, f"The extract of {cutoff} is held, nothing was stored:")
                    + f'\nIf it is right, say why: cdm ingest {study.id} --cutoff {cutoff} --confirm "reason"'
                )
            changed = [f"held and confirmed: {alarm}" for alarm in alarms] + changed
        if stands.state == "unlocked":
            try:
                if not admit:
                    raise CdmError(f"study {study.id} is {stands.said}, and nobody looked whether the extract keeps to it")
                admit(snapshot)
            except CdmError as error:
                raise _late(extract, content, files, cutoff, study, str(error)) from None
        manifest = {
            "id": folder.name,
            "study": study.id,
            "cutoff": cutoff,
            "sequence": sequence,
            "content": content,
            "files": files,
            "datasets": [vars(dataset) for dataset in datasets],
            "compared_with": snapshot.compared_with,
            "differences": changed,
            "confirmed": f"{getpass.getuser()}: {confirm.strip()}" if confirm else "",
            "ingested_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        (working / "manifest.json").write_text(
            json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    return Ingest(_read(folder), True, f"The extract of {cutoff} is stored as {folder.name}.")


def _late(extract: Path, content: str, files: list[dict], cutoff: str, study: Study, why: str) -> Held:
    """Keep an extract that the study's lock refuses under late/, word for word with the reason; returns the error that says so."""
    folder = study.folder / "late" / f"{cutoff}-{content[:12]}"
    if not folder.exists():
        with building(folder) as working:
            shutil.copytree(extract, working / "extract")
            facts = {"study": study.id, "cutoff": cutoff, "content": content, "files": files, "refused": why}
            facts |= {"refused_at": datetime.now(UTC).isoformat(timespec="seconds"), "by": getpass.getuser()}
            (working / "manifest.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return Held(f"The extract of {cutoff} was not taken in: {why}\nIt is kept in {folder}.")


def load_report(snapshot: Snapshot) -> pd.DataFrame:
    """What became of every row of the extract, one line per dataset.

    Columns: source, dataset, file, rows_in_file, rows_stored, rows_quarantined (in_file = stored + quarantined), subjects, notes.
    """
    columns = ["source", "dataset", "file", "rows_in_file", "rows_stored", "rows_quarantined", "subjects", "notes"]
    rows = [
        (d.source, d.name, d.file, d.rows_in_file, d.rows_stored, d.rows_quarantined, d.subjects, "; ".join(d.notes))
        for d in snapshot.datasets
    ]
    return pd.DataFrame(rows, columns=columns)


def differences(snapshot: Snapshot) -> pd.DataFrame:
    """What changed in structure and size since the snapshot before, one line each; the first snapshot has nothing to compare with."""
    return pd.DataFrame({"compared_with": snapshot.compared_with, "difference": snapshot.differences})


def quarantine(snapshot: Snapshot) -> pd.DataFrame:
    """The rows that could not be stored, verbatim: source, dataset, file, row, reason, text."""
    return pq.read_table(snapshot.folder / "quarantine.parquet").to_pandas()


def attach(con: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
    """Make each dataset a view <source>.<dataset> of text, with source, dataset, source_file and source_row."""
    for source in dict.fromkeys(dataset.source for dataset in snapshot.datasets):
        con.execute(f"ATTACH ':memory:' AS {quote(source)}")
    for dataset in snapshot.datasets:
        own = {"source": dataset.source, "dataset": dataset.name, "source_file": dataset.file}
        columns = [f"{quote(c)} AS {quote(c + '_')}" if c.lower() in own else quote(c) for c in dataset.columns]
        constants = [f"{literal(value)} AS {name}" for name, value in own.items()]
        con.execute(
            f"CREATE VIEW {quote(dataset.source)}.{quote(dataset.name)} AS SELECT {', '.join([*columns, *constants, ROW])} "
            f"FROM read_parquet({literal(str(snapshot.parquet(dataset)))})"
        )


def _store(study: Study, extract: Path, working: Path) -> list[Stored]:
    """Write every dataset of every source to Parquet and all quarantined rows beside them."""
    stored, quarantine, places = [], [], {}
    for source_name, source in study.sources.items():
        for dataset in readers.read(extract, source.layout, source.options, tuple(source.files)):
            place = f"{source_name}.{dataset.name}".lower()
            if place in places:
                raise CdmError(
                    f"Two files for one dataset {dataset.name} of source {source_name}: {places[place]} and {dataset.file}. Name the right one in study.toml (sources.{source_name}.files)."
                )
            places[place] = dataset.file
            stored.append(_write(source_name, source, dataset, working))
            quarantine += [(source_name, q.dataset, q.file, q.row, q.reason, q.text) for q in dataset.quarantine]
    columns = list(zip(*quarantine, strict=True)) if quarantine else [[] for _ in QUARANTINE]
    pq.write_table(
        pa.table([pa.array(c, t.type) for c, t in zip(columns, QUARANTINE, strict=True)], schema=QUARANTINE),
        working / "quarantine.parquet",
    )
    return stored


def _write(source_name: str, source: Source, dataset: Dataset, working: Path) -> Stored:
    if not re.fullmatch(r"[^/\\\0]{1,120}", dataset.name) or ROW in (column.lower() for column in dataset.columns):
        raise CdmError(
            f"{dataset.file}: the dataset name {dataset.name!r} or a column called {ROW} can't be stored. Rename it at the source."
        )
    upper = {column.upper(): column for column in dataset.columns}
    subject_column = (
        upper.get(source.subject.upper(), "")
        if source.subject
        else next((upper[name] for name in SUBJECT_COLUMNS if name in upper), "")
    )
    schema = pa.schema([*((column, pa.string()) for column in dataset.columns), (ROW, pa.int64())])
    path = working / f"{source_name}.{dataset.name}.parquet"
    subjects: set[str] = set()
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in dataset.batches:
            writer.write_batch(batch)
            if subject_column:
                subjects.update(batch.column(subject_column).unique().drop_null().to_pylist())
    rows = pq.read_metadata(path).num_rows
    quarantined = len(dataset.quarantine)
    if dataset.rows != rows + quarantined:
        raise CdmError(
            f"{dataset.file}: {dataset.rows} rows were read, but {rows} stored and {quarantined} quarantined. Nothing was stored; please report this."
        )
    labels = {column: label for column, label in dataset.labels.items() if label}
    return Stored(
        source_name,
        dataset.name,
        dataset.file,
        dataset.rows,
        rows,
        quarantined,
        subject_column,
        len(subjects),
        list(dataset.columns),
        labels,
        list(dataset.notes),
        fingerprints.store(path, source, dataset.columns, subject_column) if rows >= fingerprints.FROM else {},
    )


def _alarms(study: Study, before: Snapshot | None, now: Snapshot) -> list[str]:
    """Why a load must be confirmed: nothing in it, much of the last one gone, or older than the last one."""
    alarms = []
    if not any(dataset.rows_stored for dataset in now.datasets):
        alarms.append("the transfer is empty: no dataset has a row that could be stored")
        if (bad := quarantine(now)).size:
            alarms.append(
                f"{len(bad)} rows would be quarantined; the first, {bad.file[0]} row {bad.row[0]}: {bad.reason[0]}"
            )
    if not before:
        return alarms
    if now.cutoff < before.cutoff:
        alarms.append(f"it is older ({now.cutoff}) than the last snapshot ({before.cutoff})")
    there = {(dataset.source, dataset.name.upper()): dataset for dataset in now.datasets}
    for old in before.datasets:
        new = there.get((old.source, old.name.upper()))
        if not new:
            alarms.append(f"dataset {old.source}.{old.name} ({old.rows_stored} rows) is missing")
            continue
        lost = old.rows_stored - new.rows_stored
        if old.rows_stored and not new.rows_stored:
            alarms.append(f"dataset {old.source}.{old.name} had {old.rows_stored} rows and is now empty")
        elif lost > study.guards.rows_lost * old.rows_stored:
            alarms.append(
                f"dataset {old.source}.{old.name} lost {lost} of {old.rows_stored} rows; up to {study.guards.rows_lost:.0%} is let through"
            )
    gone, total = _subjects(before) - _subjects(now), len(_subjects(before))
    if len(gone) > study.guards.subjects_lost * total:
        some = ", ".join(sorted(gone)[:5])
        alarms.append(
            f"{len(gone)} of {total} subjects are gone ({some}{', …' if len(gone) > 5 else ''}); up to {study.guards.subjects_lost:.0%} is let through"
        )
    return alarms


def _differences(before: Snapshot, now: Snapshot) -> list[str]:
    """What changed in structure and size since the snapshot before, in words."""
    said = []
    old_sets = {(dataset.source, dataset.name.upper()): dataset for dataset in before.datasets}
    new_sets = {(dataset.source, dataset.name.upper()): dataset for dataset in now.datasets}
    said += [
        f"{d.source}.{d.name}: new dataset, {d.rows_stored} rows" for key, d in new_sets.items() if key not in old_sets
    ]
    said += [
        f"{d.source}.{d.name}: dataset is gone ({d.rows_stored} rows before)"
        for key, d in old_sets.items()
        if key not in new_sets
    ]
    for key in old_sets.keys() & new_sets.keys():
        old, new = old_sets[key], new_sets[key]
        name = f"{new.source}.{new.name}"
        removed = [column for column in old.columns if column not in new.columns]
        added = [column for column in new.columns if column not in old.columns]
        for column in list(removed):
            if renamed := next(
                (a for a in added if _same_values(before.parquet(old), column, now.parquet(new), a)), None
            ):
                said.append(f"{name}: column {column} seems to be renamed {renamed}")
                removed.remove(column)
                added.remove(renamed)
        said += [f"{name}: column {column} added" for column in added]
        said += [f"{name}: column {column} removed; checks that need it will not run" for column in removed]
        if new.rows_stored < old.rows_stored:
            said.append(
                f"{name}: {old.rows_stored - new.rows_stored} fewer rows than in {before.cutoff} ({old.rows_stored} → {new.rows_stored})"
            )
    return sorted(said)


def _same_values(old: Path, old_column: str, new: Path, new_column: str) -> bool:
    """Whether two columns hold nearly the same values: nine of ten distinct values shared, or names alike but for case."""
    if old_column.lower() == new_column.lower():
        return True
    shared, either = duckdb.execute(
        f"""WITH a AS (SELECT DISTINCT {quote(old_column)} AS v FROM read_parquet({literal(str(old))}) WHERE v IS NOT NULL),
                 b AS (SELECT DISTINCT {quote(new_column)} AS v FROM read_parquet({literal(str(new))}) WHERE v IS NOT NULL)
            SELECT count(a.v) FILTER (b.v IS NOT NULL), count(*) FROM a FULL JOIN b USING (v)"""
    ).fetchone()
    return either > 2 and shared >= 0.9 * either


def _subjects(snapshot: Snapshot) -> set[str]:
    subjects: set[str] = set()
    for dataset in snapshot.datasets:
        if dataset.subject_column:
            path = literal(str(snapshot.parquet(dataset)))
            subjects.update(
                row[0]
                for row in duckdb.execute(
                    f"SELECT DISTINCT {quote(dataset.subject_column)} FROM read_parquet({path})"
                ).fetchall()
                if row[0]
            )
    return subjects


def _content(study: Study, files: list[dict]) -> str:
    """One hash of what arrived and of how study.toml says to read it: a corrected declaration reads the same files anew."""
    how = {name: source.model_dump(exclude={"keys", "ignore"}) for name, source in study.sources.items()}
    declared = json.dumps(how, sort_keys=True)
    arrived = "".join(f"{file['name']}\0{file['sha256']}\n" for file in files)
    return hashlib.sha256(f"{declared}\n{arrived}".encode()).hexdigest()


def files_of(extract: Path) -> list[dict]:
    """The files of an extract: name, bytes, sha256."""
    files = []
    for path in sorted(path for path in extract.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        files.append({"name": path.relative_to(extract).as_posix(), "bytes": path.stat().st_size, "sha256": digest})
    return files


def _read(folder: Path) -> Snapshot:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    datasets = [Stored(**dataset) for dataset in manifest["datasets"]]
    return Snapshot(
        folder,
        **{name: manifest[name] for name in ("id", "cutoff", "sequence", "content", "files")},
        datasets=datasets,
        **{name: manifest[name] for name in ("compared_with", "differences", "confirmed")},
    )


@contextmanager
def building(folder: Path):
    """A folder beside `folder` that takes its name when all is written, and vanishes when anything fails."""
    working = folder.parent / f".{folder.name}.{os.getpid()}"
    for left in folder.parent.glob(".*"):  # by loads that were killed
        with unused(left) as free:
            if free:
                shutil.rmtree(left, ignore_errors=True)
    working.mkdir(parents=True)
    held = hold(working)
    working.mkdir(exist_ok=True)  # should somebody have taken it for such a one just before it was held
    try:
        yield working
        for path in working.rglob("*"):
            sync(path)
        sync(working)
        working.rename(folder)
        sync(folder.parent)
    except BaseException:
        shutil.rmtree(working, ignore_errors=True)
        raise
    finally:
        os.close(held)


def hold(folder: Path) -> int:
    """Say that this process works in a folder, until it closes what is returned or ends, however it ends."""
    handle = os.open(folder, os.O_RDONLY)
    with suppress(OSError):  # a network drive without locks; `unused` then never takes a folder for free
        fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


@contextmanager
def unused(folder: Path) -> Iterator[bool]:
    """Whether no process holds a folder; while the block runs, none begins to."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except OSError:  # held, or a drive without locks, where nobody can tell
            free = False
        yield free
    finally:
        os.close(handle)


def sync(path: Path) -> None:
    """Ask the disk to keep a file or folder before going on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
