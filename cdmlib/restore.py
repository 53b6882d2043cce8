"""Take a run or a study away as one file, and make a working study folder of such a file again."""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cdmlib import archive, digests, journal, keys, mart, snapshot
from cdmlib import bag as bags
from cdmlib import study as studies
from cdmlib.errors import CdmError, listed
from cdmlib.journal import Act
from cdmlib.study import Study

EPOCH = (1980, 1, 1, 0, 0, 0)
PACKED = zipfile.ZIP_DEFLATED
LARGEST = 200  # a member may unpack to this many times its packed size, but for small ones
JOURNAL = "journal.jsonl"


def take_away(study: Study, run: str, path: Path) -> Path:
    """Write a run with everything that re-executing it needs into one zip, and beside it a signature of the zip.

    Holds, as a BagIt bag: the study's content as it was, the extract as received, the snapshots, the archive of the run and of the
    earlier ones whose results it looked at, the journal up to the seal, and the public keys. Raises CdmError when a part is missing.
    """
    folder = archive.folder_of(study, run)
    if not folder.exists():
        raise CdmError(f"Run {run} of study {study.id} has no archive yet. `cdm runs {study.id}` seals what has ended.")
    inputs = archive.read(folder, "inputs/inputs.json")
    entries = journal.read(study)
    of_run = [e.seq for e in entries if e.subject in (run, *inputs["earlier_runs"]) and e.act.startswith("archive.")]
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "bag"
        inner = root / study.id
        archive.copy_content(study, folder, inner)
        for name in (run, *inputs["earlier_runs"]):
            shutil.copytree(archive.folder_of(study, name), inner / "runs" / name / "archive")
            shutil.copy2(study.folder / "runs" / name / "manifest.json", inner / "runs" / name)
        for name in needed_snapshots(study, run):
            shutil.copytree(study.folder / "snapshots" / name, inner / "snapshots" / name)
        cutoff = archive.read(folder, "run.json")["cutoff"]
        for file in inputs["received"]:
            source, target = (base / "incoming" / cutoff / file["name"] for base in (study.folder, inner))
            if not source.is_file() or digests.of_file(source) != file["sha256"]:
                raise CdmError(f"{source} is not the file that run {run} took in; an archive must hold it. Put the extract as received back.")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        (inner / JOURNAL).write_text("".join(journal.as_line(e) for e in entries if e.seq <= max(of_run, default=0)), encoding="utf-8")
        shutil.copy2(study.folder / "keys.csv", inner)
        bags.make(root, {"External-Identifier": f"{study.id}/{run}"})
        _zip(root, path)
    _sign_file(study, path, f"archive of run {run}")
    return path


def backup(study: Study, folder: Path) -> Path:
    """Write the whole study into <study>-<time>.zip in `folder`, signed; published results are left out, since they are built anew from the archives.

    The journal keeps that it was made, with the SHA-256 of the zip.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{study.id}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.zip"
    keys.of_installation(study)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary) / "bag"
        skipped = shutil.ignore_patterns(".*", "journal.db*", "cache")
        shutil.copytree(study.folder, root / study.id, ignore=lambda at, names: {*skipped(at, names), *(("marts",) if Path(at) == study.folder else ())})
        (root / study.id / JOURNAL).write_text("".join(map(journal.as_line, journal.read(study))), encoding="utf-8")
        if (current := study.folder / "marts" / "current").exists():
            (root / study.id / "current").write_text(current.read_text(encoding="utf-8"), encoding="utf-8")
        bags.make(root, {"External-Identifier": study.id})
        _zip(root, path)
    _sign_file(study, path, "backup")
    journal.append(study, "cdmlib", "system", [Act("archive.backup", path.name, "", "", digests.of_file(path))])
    return path


def drill(study: Study, path: Path) -> tuple[list[str], str]:
    """Restore a backup into an empty folder and hold it against the study: returns what went wrong, and what was looked at; the journal keeps both."""
    faults, looked_at = [], "nothing could be looked at"
    with tempfile.TemporaryDirectory() as temporary:
        try:
            back = restore(path, Path(temporary))
            chain = journal.verify(back)
            faults += [] if chain.ok else [chain.said]
            mine = {entry.seq: entry.hash for entry in journal.read(study)}
            faults += [f"journal entry {e.seq} is another one" for e in journal.read(back) if mine.get(e.seq) != e.hash][:1]
            runs = sorted(p.parent.name for p in (back.folder / "runs").glob("*/archive"))
            looked_at = f"{chain.entries} journal entries, {len(runs)} archives, the results of {len(list((back.folder / 'marts').glob('*.duckdb')))} runs, {len(snapshot.list_all(back))} snapshots"
            for run in runs:
                if archive.digest_of(back.folder / "runs" / run / "archive") != archive.manifest(study, run).get("archive"):
                    faults.append(f"the archive of run {run} is another one")
        except CdmError as error:
            faults.append(str(error))
    what = "; ".join(faults) or f"restored into an empty folder, all as it was: {looked_at}"
    journal.append(study, "cdmlib", "system", [Act("archive.drill", path.name, "", "", "failed" if faults else "passed", what)])
    return faults, looked_at


def restore(path: Path, into: Path, results: bool = True) -> Study:
    """Make a working study folder below `into` from an archive or backup; the results are built anew from their archived tables.

    results: False leaves them out. Raises CdmError when the file is damaged or not the one that the signature beside it signs, and when
    a study of this id is there already. Whose signature it is, `cdm verify` tells.
    """
    if signature_of(path).exists():
        signed(path)
    with tempfile.TemporaryDirectory(dir=into if into.is_dir() else None, prefix=".restore-") as temporary:
        root = Path(temporary)
        unpack(path, root)
        if faults := bags.faults(root):
            raise CdmError(listed(faults, f"{path} is damaged and was not restored:"))
        found = [p.parent for p in (root / "data").glob("*/study.toml")]
        if len(found) != 1:
            raise CdmError(f"{path} holds no study.")
        inner = found[0]
        target = into / inner.name
        if target.exists():
            raise CdmError(f"{target} is there already. Restore into another data folder, or move it away first.")
        own_journal(inner / "study.toml")
        study = studies.read(inner / "study.toml")
        journal.restore(study, journal.from_lines((inner / JOURNAL).read_text(encoding="utf-8")))
        (inner / JOURNAL).unlink()
        runs = [p.parent for p in sorted(inner.glob("runs/*/archive"))]
        done = [p.name for p in runs if results and archive.manifest(study, p.name)["status"] == "complete"]
        for run in done:
            bag = inner / "runs" / run / "archive"
            archive.mart_from_parquet(bag, inner / "marts" / f"{run}.duckdb")
            for made in (*(bag / "data" / "outputs").glob("*.xlsx"), *(bag / "data" / "executed").glob("*.ipynb")):  # what people work with
                if not (inner / "runs" / run / made.name).exists():
                    shutil.copy2(made, inner / "runs" / run)
        if done:
            current = (inner / "current").read_text(encoding="utf-8") if (inner / "current").exists() else f"{done[-1]}.duckdb\n"
            mart.replace(inner / "marts" / "current", current)
            (inner / "current").unlink(missing_ok=True)
        into.mkdir(parents=True, exist_ok=True)
        shutil.move(inner, target)
    return studies.read(target / "study.toml")


def needed_snapshots(study: Study, run: str) -> list[str]:
    """The snapshots that re-executing a run needs: its own, those of its cut-off, the newest before it, and that of the run compared with."""
    folder = archive.folder_of(study, run)
    inputs = archive.read(folder, "inputs/inputs.json")
    before = inputs["snapshots_before"]
    cutoff = archive.read(folder, "run.json")["cutoff"]
    wanted = {name for name in before if name.startswith(f"{cutoff}-")} | set(before[-1:])
    wanted |= {*[name for name in before if name[:10] < cutoff][-1:]}
    wanted |= {inputs["snapshot"]["id"]} if inputs["snapshot"] else set()
    for earlier in inputs["earlier_runs"][-1:]:
        wanted.add(archive.read(archive.folder_of(study, earlier), "run.json")["snapshot"])
    return sorted(name for name in wanted if (study.folder / "snapshots" / name).is_dir())


def unpack(path: Path, into: Path) -> None:
    """Unpack a zip of ours. Raises CdmError for one that is damaged, or whose members lead out of the folder, come twice or burst."""
    try:
        with zipfile.ZipFile(path) as file:
            names = [info.filename for info in file.infolist()]
            for info in file.infolist():
                parts = Path(info.filename).parts
                if info.filename.startswith("/") or ".." in parts or "\\" in info.filename or stat.S_ISLNK(info.external_attr >> 16):
                    raise CdmError(f"{path}: the member {info.filename!r} leads out of the folder; nothing was unpacked.")
                if info.file_size > 1_000_000 and info.file_size > LARGEST * max(info.compress_size, 1):
                    raise CdmError(f"{path}: the member {info.filename!r} unpacks to {info.file_size} bytes; nothing was unpacked.")
            if len(set(names)) != len(names):
                raise CdmError(f"{path} has a member twice; nothing was unpacked.")
            file.extractall(into)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise CdmError(f"{path} can't be read as a zip: {error}.") from None
    except Exception as error:
        if isinstance(error, CdmError):
            raise
        raise CdmError(f"{path} can't be unpacked: {type(error).__name__}: {error}.") from None


def signature_of(path: Path) -> Path:
    """Where the signature of a zip stands: beside it."""
    return path.with_name(f"{path.name}.signature.json")


def signed(path: Path) -> keys.Signed:
    """The signature beside a zip. Raises CdmError when there is none, or it is not of this file."""
    beside = signature_of(path)
    if not beside.exists():
        raise CdmError(f"{beside.name} is missing: nothing vouches for the bytes of {path.name}")
    try:
        found = keys.read(beside.read_text(encoding="utf-8"))
    except (CdmError, OSError, UnicodeDecodeError) as error:
        raise CdmError(f"{beside.name}: {error}") from None
    if found.digest != digests.of_file(path):
        raise CdmError(f"{path.name} is not the file that {beside.name} signs")
    return found


def _sign_file(study: Study, path: Path, meaning: str) -> None:
    text = keys.sign(keys.of_installation(study), path.name, digests.of_file(path), keys.INSTALLATION, keys.INSTALLATION, "system", meaning)
    mart.replace(signature_of(path), text)


def _zip(root: Path, path: Path) -> None:
    """A folder as a zip: sorted members, no times, written beside and renamed."""
    working = path.with_name(f".{path.name}.part")
    with zipfile.ZipFile(working, "w") as file:
        for member in _files(root):
            kind = zipfile.ZIP_STORED if member.suffix in (".parquet", ".xlsx", ".whl", ".zip") else PACKED
            file.writestr(zipfile.ZipInfo(member.relative_to(root).as_posix(), EPOCH), member.read_bytes(), kind)
    snapshot.sync(working)
    working.replace(path)


def _files(root: Path) -> Iterable[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def own_journal(toml: Path) -> None:
    """A restored study keeps its journal in its own folder: the address of a server is taken out of study.toml."""
    text = toml.read_text(encoding="utf-8")
    toml.write_text(re.sub(r"(?m)^journal\s*=\s*\"postgresql.*$\n?", "", text), encoding="utf-8")
