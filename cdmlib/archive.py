"""Every run as an archive: a BagIt bag that holds an RO-Crate, sealed when the run ends, signed, and anchored in the journal.

It stands in runs/<run>/archive/. The workbook and notebooks beside it are for work; the archive holds copies, so that writing
into a workbook does not break it.
"""

from __future__ import annotations

import json
import locale
import os
import platform
import re
import shutil
import time
import zipfile
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import distributions
from pathlib import Path

import duckdb
import nbformat
import pandas as pd
from rocrate.model import ContextEntity
from rocrate.model.file import File
from rocrate.rocrate import ROCrate

from cdmlib import bag as bags
from cdmlib import digests, journal, keys, mart, people, snapshot, standard, wheel
from cdmlib.errors import CdmError
from cdmlib.journal import Act
from cdmlib.standard import literal, quote
from cdmlib.study import Study

POLICY = standard.SQL / "compare_policy.json"
OF_STUDY = {"incoming", "snapshots", "marts", "runs", "locks", "deliveries", "late", "verifications", "validation", "backups", "traces", "cache"}
SINGLE = {"journal.db", "journal.heads", "keys.csv"}
TYPE = re.compile(r"[A-Z][A-Z0-9_ ]*(\(\d+(, ?\d+)?\))?(\[\])*")
LARGEST = 250_000  # bytes of a file of the study's content that each archive holds; a larger one, as of a dictionary, is named by its hash


@dataclass(frozen=True)
class Sealed:
    """A sealed run: its archive folder and the SHA-256 that signatures and journal hold."""

    run: str
    folder: Path
    digest: str


def folder_of(study: Study, run: str) -> Path:
    """Where a run's archive is. Raises CdmError for a run that the study does not have."""
    if not run or not (study.folder / "runs" / run / "manifest.json").exists():
        there = [path.parent.name for path in sorted((study.folder / "runs").glob("*/manifest.json"))]
        raise CdmError(f"Study {study.id} has no run {run!r}; it has {', '.join(there) or 'none'}.")
    return study.folder / "runs" / run / "archive"


def manifest(study: Study, run: str) -> dict:
    """What a run's manifest.json says. Raises CdmError when it can't be read."""
    path = study.folder / "runs" / run / "manifest.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CdmError(f"{path} can't be read: {error}. Restore it from a copy.") from None


def seal_left_over(study: Study, notebooks: Path) -> list[Sealed]:
    """Seal the runs that ended without an archive, also those that were cut off, which are failed; returns what was sealed."""
    mart.settle(study)
    made = []
    for path in sorted((study.folder / "runs").glob("*/manifest.json")):
        facts = manifest(study, path.parent.name)
        if "archive" in facts or facts["status"] == "running":
            continue
        with snapshot.unused(path.parent) as free:
            if free:
                made.append(seal(study, path.parent.name, notebooks))
    return made


def seal(study: Study, run: str, notebooks: Path) -> Sealed:
    """Put a run that has ended into its archive, sign it with the installation's key, and enter its digest in the journal.

    notebooks: the folder of the notebooks' sources. A run is sealed once. Raises CdmError when it has not ended.
    """
    folder, facts = folder_of(study, run), manifest(study, run)
    if facts["status"] not in ("complete", "failed"):
        raise CdmError(f"Run {run} of study {study.id} is {facts['status']}; only a run that has ended is sealed.")
    entered = {e.subject: e.new for e in journal.read(study, act="archive.sealed")}
    if not folder.exists():
        if run in entered:
            raise CdmError(f"Run {run} of study {study.id} was sealed, but its archive is gone. Restore it from a backup; it is not made anew.")
        key = keys.of_installation(study)
        facts |= _unshown(study, run, facts)
        with snapshot.building(folder) as working:
            _fill(study, run, facts, working, notebooks)
            bags.make(working, _info(study, run, facts))
            digest = digest_of(working)
            (working / "signatures").mkdir()
            text = keys.sign(key, run, digest, keys.INSTALLATION, platform.node(), "system", "sealed at the end of the run")
            (working / "signatures" / f"{keys.INSTALLATION}.json").write_text(text, encoding="utf-8")
    sealed = Sealed(run, folder, digest_of(folder))
    if run not in entered:
        signature = digests.of_file(folder / "signatures" / f"{keys.INSTALLATION}.json")
        acts = [Act("archive.sealed", run, facts["status"], "", sealed.digest), Act("archive.signed", run, keys.INSTALLATION, "", signature)]
        journal.append(study, "cdmlib", "system", acts, run=run, batch=f"archive {run}")
    mart.note(study, run, archive=sealed.digest, **{name: facts[name] for name in ("not_shown",) if name in facts})
    mart.release(study, run)
    return sealed


def sign(study: Study, run: str, person_id: str, password: str, meaning: str) -> keys.Signed:
    """A person signs a run's archive, with the password given again; kept beside the other signatures and in the journal."""
    folder = folder_of(study, run)
    if not folder.exists():
        raise CdmError(f"Run {run} of study {study.id} has no archive yet. `cdm runs {study.id}` seals what has ended.")
    who = people.person(study, person_id)
    people.may("archive.signed", who.id, who.role)
    if len(meaning.strip(" .-")) < 3:
        raise CdmError("The meaning of a signature must be said in words.")
    path = folder / "signatures" / f"{who.id}.json"
    if path.exists():
        raise CdmError(f"{who.id} has signed run {run} already.")
    text = keys.sign(keys.of_person(study, who.id, password), run, digest_of(folder), who.id, who.name, who.role, meaning.strip())
    mart.replace(path, text)
    journal.append(study, who.id, who.role, [Act("archive.signed", run, who.id, "", digests.of_file(path), meaning.strip())], run=run)
    return keys.read(text)


def digest_of(folder: Path) -> str:
    """SHA-256 of what fixes a bag: its tag manifest, which lists the manifest of all files."""
    try:
        return digests.of_file(folder / "tagmanifest-sha512.txt")
    except OSError as error:
        raise CdmError(f"{folder} has no tag manifest: {error.strerror}.") from None


def runs(study: Study) -> pd.DataFrame:
    """Every run, also failed and repeated ones: the columns of `mart.runs` and snapshot, archive, signed_by, changed, not_shown.

    changed: parameters, packages and snapshot that are not those of the run before.
    """
    rows, before = [], {}
    signed: dict[str, list[str]] = {}
    for entry in journal.read(study, act="archive.signed"):
        signed.setdefault(entry.subject, []).append(entry.field)
    found = mart.runs(study)
    for run in found.run:
        facts = manifest(study, run)
        parts = facts.get("parts", {}) | {"python": facts.get("python", ""), "confirm": facts.get("confirm", ""), "snapshot": facts.get("snapshot", "")}
        changed = ", ".join(f"{k} {before[k] or '(none)'} → {v or '(none)'}" for k, v in parts.items() if k in before and before[k] != v)
        before = parts
        rows.append((facts.get("snapshot", ""), facts.get("archive", ""), ", ".join(signed.get(run, ())), changed, facts.get("not_shown", "")))
    names = ("snapshot", "archive", "signed_by", "changed", "not_shown")
    return found.assign(**dict(zip(names, zip(*rows, strict=True) if rows else [[]] * len(names), strict=True)))


def _fill(study: Study, run: str, facts: dict, working: Path, notebooks: Path) -> None:
    """Everything that goes into the bag, below `working`."""
    made = study.folder / "runs" / run
    for name in ("notebooks", "executed", "inputs", "code", "environment", "outputs", "journal", "study"):
        (working / name).mkdir()
    _write(working / "run.json", facts)
    parameters = {}
    for path in sorted(made.glob("*.ipynb")):
        if facts["status"] == "failed" or _ended(path):
            shutil.copy2(path, working / "executed")
        source = notebooks / path.name
        if source.exists():
            shutil.copy2(source, working / "notebooks")
        parameters[path.stem] = _parameters(path)
    _write(working / "parameters.json", parameters)
    _inputs(study, facts, working / "inputs")
    for path in content_of(study):
        if path.stat().st_size <= LARGEST:
            target = working / "study" / path.relative_to(study.folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
    for path in sorted(standard.SQL.rglob("*.sql")):
        target = working / "code" / "sql" / path.relative_to(standard.SQL)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
    wheel.write(working / "code" / wheel.name(), notebooks)
    if lock := wheel.requirements():
        shutil.copy2(lock, working / "environment" / "requirements.lock")
    _write(working / "environment" / "platform.json", platform_facts())
    shutil.copy2(POLICY, working / "policy.json")
    results: dict = {"tables": {}, "views": {}, "workbooks": {}}
    for book in sorted(made.glob("*.xlsx")):
        shutil.copy2(book, working / "outputs")
        results["workbooks"][book.name] = _workbook(book)
    if facts["status"] == "complete":
        with mart.open_run(study, run) as con:
            results |= tables_to_parquet(con, working / "outputs" / "tables")
    _write(working / "results.json", results)
    _journal(study, facts, working / "journal")
    _crate(study, run, facts, working)


def _unshown(study: Study, run: str, facts: dict) -> dict[str, str]:
    """What a run whose results are published did not come to show, since it was stopped meanwhile: notebooks not executed, or not to their end."""
    made = study.folder / "runs" / run
    there = (path.stem for path in sorted(made.glob("*.ipynb")))
    missing = [name for name in dict.fromkeys((*facts.get("notebooks", ()), *there)) if not _ended(made / f"{name}.ipynb")]
    return {"not_shown": f"{', '.join(missing)}: stopped before"} if missing and facts["status"] == "complete" and "not_shown" not in facts else {}


def _ended(path: Path) -> bool:
    """Whether a notebook was executed to its end, or to an error."""
    try:
        cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code" and c.source.strip()]
    except Exception:  # missing, or cut off in the middle
        return False
    return all(c.execution_count for c in cells) or any(o.output_type == "error" for c in cells for o in c.outputs)


def content_of(study: Study) -> list[Path]:
    """The files that say what the study is and how it is checked: study.toml, tables, checks, dictionaries and what else stands beside them."""
    found = []
    for path in sorted(study.folder.iterdir()):
        if path.name.startswith(".") or path.name in OF_STUDY | SINGLE:
            continue
        found += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return found


def copy_content(study: Study, bag: Path, target: Path) -> None:
    """Lay the study's content out as an archived run had it. Raises CdmError when a file that is only named by its hash is no longer there."""
    shutil.copytree(bag / "data" / "study", target)
    for name, digest in read(bag, "inputs/inputs.json")["by_hash"].items():
        if not (study.folder / name).is_file() or digests.of_file(study.folder / name) != digest:
            raise CdmError(f"{name} is not the file that run {bag.parent.name} used; put it back as it was.")
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(study.folder / name, target / name)


def tables_to_parquet(con: duckdb.DuckDBPyConnection, folder: Path) -> dict:
    """Write every table of a mart to Parquet; returns rows, column types and canonical digest of each, and the text of its views."""
    folder.mkdir()
    listed = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND database_name = current_database() AND NOT temporary ORDER BY table_name"
    found = {}
    with duckdb.connect(config={"threads": 1}) as writer:  # results are opened without access to files
        for (name,) in con.execute(listed).fetchall():
            held = con.execute(f"SELECT * FROM {quote(name)} ORDER BY ALL").to_arrow_table()
            writer.execute(f"COPY (SELECT * FROM held) TO {literal(str(folder / f'{name}.parquet'))} (FORMAT parquet, COMPRESSION zstd)")
            columns = dict(con.execute(f"SELECT column_name, column_type FROM (DESCRIBE {quote(name)})").fetchall())
            found[name] = {"rows": held.num_rows, "columns": columns, "digest": digests.of_table(con, quote(name))}
    views = "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal AND database_name = current_database() ORDER BY view_name"
    return {"tables": found, "views": dict(con.execute(views).fetchall())}


def mart_from_parquet(bag: Path, path: Path) -> None:
    """Build a run's mart anew from the tables in its archive. Raises CdmError when a table does not hold what was archived."""
    results = read(bag, "results.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    working = path.with_name(f".{path.name}.building")
    working.unlink(missing_ok=True)
    with duckdb.connect(str(working), config={"threads": 1}) as con:
        con.execute("SET TimeZone = 'UTC'")
        standard.load_macros(con)
        for name, facts in results["tables"].items():
            con.execute(f"CREATE TABLE {quote(name)} AS {archived(bag, name, facts['columns'])}")
            if digests.of_table(con, quote(name)) != facts["digest"]:
                raise CdmError(f"outputs/tables/{name}.parquet of run {bag.parent.name} does not hold what was archived.")
        con.execute("SET enable_external_access = false")  # a view is SQL that came with the archive
        for text in results["views"].values():
            con.execute(text)
        con.execute("CHECKPOINT")
    snapshot.sync(working)
    working.replace(path)


def archived(bag: Path, name: str, columns: dict[str, str]) -> str:
    """A SELECT of a table in an archive, its columns with the types that they had. Raises CdmError for what is no type's name."""
    if strange := [kind for kind in columns.values() if not TYPE.fullmatch(kind)]:
        raise CdmError(f"results.json of the archive of run {bag.parent.name} names a type of column that there is not: {strange[0]!r}.")
    cells = ", ".join(f"CAST({quote(column)} AS {kind}) AS {quote(column)}" for column, kind in columns.items())
    return f"SELECT {cells} FROM read_parquet({literal(str(bag / 'data' / 'outputs' / 'tables' / f'{name}.parquet'))})"


def read(bag: Path, name: str) -> dict:
    """One of the JSON files of a bag's payload. Raises CdmError when it can't be read."""
    try:
        return json.loads((bag / "data" / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CdmError(f"{name} of the archive of run {bag.parent.name} can't be read: {error}.") from None


def _inputs(study: Study, facts: dict, folder: Path) -> None:
    """What the run read: its snapshot by hash, the files as received, and the results of the week before."""
    inputs: dict = {"snapshot": None, "snapshots_before": facts.get("snapshots_before", []), "earlier_runs": facts.get("earlier_runs", []), "received": []}
    inputs["by_hash"] = {p.relative_to(study.folder).as_posix(): digests.of_file(p) for p in content_of(study) if p.stat().st_size > LARGEST}
    if facts.get("snapshot"):
        there = next(s for s in snapshot.list_all(study) if s.id == facts["snapshot"])
        stored = sorted(path for path in there.folder.iterdir() if path.suffix == ".parquet")
        inputs["snapshot"] = {
            "id": there.id,
            "cutoff": there.cutoff,
            "content": there.content,
            "datasets": {path.name: {"sha256": digests.of_file(path), "digest": digests.of_parquet(path)} for path in stored},
        }
        inputs["received"] = there.files
        shutil.copy2(there.folder / "manifest.json", folder / "snapshot.json")
    elif (extract := study.incoming / facts["cutoff"]).is_dir():
        inputs["received"] = snapshot.files_of(extract)
    _write(folder / "inputs.json", inputs)


def _journal(study: Study, facts: dict, folder: Path) -> None:
    """The journal's entries since the archive before, up to the head that the run saw, and that head."""
    head = facts.get("journal_head") or {"seq": 0, "hash": ""}
    earlier = [seq for seq, _, where in journal.anchors(study) if seq < head["seq"] and where != f"run {facts['run']}"]
    since = max(earlier, default=0)
    _write(folder / "head.json", head | {"since": since})
    entries = [entry for entry in journal.read(study, since=since) if entry.seq <= head["seq"]]
    (folder / "segment.jsonl").write_text("".join(journal.as_line(entry) for entry in entries), encoding="utf-8")


def _crate(study: Study, run: str, facts: dict, working: Path) -> None:
    """Say in RO-Crate's words (Process Run Crate) what each file is, what ran, on what, with what result, and by whom."""
    crate = ROCrate()
    crate.name = f"Run {run} of study {study.id}"
    crate.description = f"{study.study.title}: the weekly cleaning run as of {facts.get('as_of') or facts.get('cutoff', '')}, {facts['status']}."
    crate.license = "All rights reserved by the study's sponsor"
    ended = datetime.fromisoformat(facts["finished_at"])
    crate.root_dataset["datePublished"] = ended.isoformat()
    crate.root_dataset["conformsTo"] = {"@id": "https://w3id.org/ro/wfrun/process/0.5"}
    agent = crate.add(ContextEntity(crate, f"#{facts['by']}", {"@type": "Person", "name": facts["by"]}))
    placed = {}
    for path in sorted(path for path in working.rglob("*") if path.is_file()):
        name = path.relative_to(working).as_posix()
        kind = {"@type": ["File", "SoftwareApplication"]} if name.startswith("notebooks/") else {}
        placed[name] = crate.add(File(crate, dest_path=name, properties={"name": path.name, "contentSize": str(path.stat().st_size), **kind}))
    objects = [file for name, file in placed.items() if name.startswith(("inputs/", "study/")) or name == "parameters.json"]
    results = [file for name, file in placed.items() if name.startswith(("outputs/", "executed/")) or name == "results.json"]
    for name, file in placed.items():
        if name.startswith("notebooks/"):
            crate.add(
                ContextEntity(
                    crate,
                    f"#run-{_stem(name)}",
                    {
                        "@type": "CreateAction",
                        "name": f"{_stem(name)} executed",
                        "instrument": {"@id": file.id},
                        "object": [{"@id": o.id} for o in objects],
                        "result": [{"@id": r.id} for r in results],
                        "agent": {"@id": agent.id},
                        "startTime": facts["started_at"],
                        "endTime": facts["finished_at"],
                        "actionStatus": f"http://schema.org/{'Completed' if facts['status'] == 'complete' else 'Failed'}ActionStatus",
                    },
                )
            )
    crate.root_dataset["mentions"] = [{"@id": f"#run-{_stem(name)}"} for name in placed if name.startswith("notebooks/")]
    _write(working / "ro-crate-metadata.json", crate.metadata.generate())


def _workbook(path: Path) -> str:
    """The digest of what a workbook holds; empty when it is cut off, as of a run that was killed."""
    try:
        return digests.of_zip(path)
    except zipfile.BadZipFile:
        return ""


def _stem(name: str) -> str:
    return Path(name).stem


def _info(study: Study, run: str, facts: dict) -> dict[str, str]:
    return {
        "External-Identifier": f"{study.id}/{run}",
        "External-Description": f"{study.study.title}: run {run}, {facts['status']}",
        "Bagging-Date": facts["finished_at"][:10],
        "Bag-Software-Agent": f"cdmlib {facts.get('parts', {}).get('cdmlib', '')}",
    }


def _parameters(path: Path) -> dict:
    """The parameters a notebook was executed with, with their types; none when it can't be read, as of a run that was cut off."""
    try:
        given = nbformat.read(path, as_version=4).metadata.get("papermill", {}).get("parameters", {})
    except Exception:  # a file cut off in the middle is archived as it is
        return {}
    return dict(given)


def platform_facts() -> dict:
    """What the run ran on, as far as it can bear on a result."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count(),
        "libc": " ".join(platform.libc_ver()),
        "locale": ".".join(str(part) for part in locale.getlocale()),
        "time_zone": list(time.tzname),
        "PYTHONHASHSEED": os.environ.get("PYTHONHASHSEED", ""),
        "packages": dict(sorted((m["Name"], m["Version"]) for m in (d.metadata for d in distributions()) if m["Name"])),  # each is read once
    }


def _write(path: Path, facts: object) -> None:
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False, sort_keys=False) + "\n", encoding="utf-8")
