"""Prove that an archived run is what it was: files, signatures, journal, and the same result when it is executed again."""

from __future__ import annotations

import compileall
import html
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cdmlib import __version__, archive, digests, journal, judge, keys, mart, restore, wheel
from cdmlib import bag as bags
from cdmlib import study as studies
from cdmlib.errors import CdmError
from cdmlib.judge import Verdict
from cdmlib.study import Study

PASS, FAIL, NOT_RUN, DIFFERS = "PASS", "FAIL", "NOT RUN", "DIFFERS"
TITLES = {
    "L0": "Every file is as it was sealed",
    "L1": "The signatures are right, and of keys that are known",
    "L2": "The journal is whole, and holds the seal of this archive",
    "L3": "Executed again, the run gives the same",
    "L4": "Executed by today's version",
}
DRIVER = """
import json, sys, pathlib
from cdmlib import notebooks
from cdmlib.errors import CdmError
asked = json.loads(sys.argv[1])
for name, parameters in asked["notebooks"].items():
    try:
        notebooks.execute(name, pathlib.Path(asked["out"]) / f"{name}.ipynb", **parameters)
    except CdmError as error:
        print("stopped:", error)
        break
"""
STYLE = """body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:62rem;color:#1c2733}table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}
th,td{border:1px solid #d4dbe2;padding:.3rem .5rem;text-align:left;vertical-align:top}th{background:#eef2f6}td pre{margin:0;white-space:pre-wrap;word-break:break-word}
.PASS{background:#dff3e4}.FAIL{background:#fbe3e1;font-weight:600}.NOT_RUN{background:#fff3d6}.DIFFERS{background:#fff3d6}.result{font-size:1.4rem;font-weight:600;padding:.3rem .6rem}@page{size:A4;margin:16mm}@media print{body{margin:0;max-width:none;font-size:11px}tr{break-inside:avoid}*{print-color-adjust:exact}}"""


@dataclass
class Level:
    """One level of a verification: PASS, FAIL, NOT RUN (and why) or DIFFERS, with what was found."""

    id: str
    status: str = NOT_RUN
    said: list[str] = field(default_factory=list)
    differences: list[judge.Difference] = field(default_factory=list)
    excluded: dict[str, int] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return TITLES[self.id]

    def end(self, faults: list[str], good: str) -> Level:
        self.status = FAIL if faults else PASS
        self.said += faults or [good]
        return self


@dataclass(frozen=True)
class Report:
    """A verification: of which run, when, where, and how each level ended."""

    study: str
    run: str
    file: str
    status_of_run: str
    digest: str
    verified_at: str
    verified_on: str
    with_version: str
    levels: tuple[Level, ...]

    @property
    def ok(self) -> bool:
        """Nothing failed; levels that were not run are said, not counted as passed."""
        return all(level.status != FAIL for level in self.levels)

    @property
    def said(self) -> str:
        missing = [level.id for level in self.levels if level.status == NOT_RUN]
        return ("PASS" if self.ok else "FAIL") + (f", but not proven: {', '.join(missing)}" if missing else "")


@dataclass(frozen=True)
class Asked:
    """What a verifier asks for, and what they bring along: public keys by signer (None: none were brought), and heads of the journal."""

    here: bool
    wheels: Path | None
    execute: bool
    second: bool
    trusted: dict[str, tuple[str, ...]] | None
    heads: tuple[tuple[int, str], ...]
    step: Callable[[str], None]


def run(study_id: str, target: str, here: bool = False, wheels: Path | None = None, known: Path | None = None, execute: bool = True, second: bool = True,
        heads: tuple[tuple[int, str], ...] = (), step: Callable[[str], None] = lambda text: None) -> Report:  # fmt: skip
    """Verify a run of a study, or the zip that it was taken away in.

    here: re-execute with the packages of this environment instead of a fresh one made from the archived lock. wheels: a folder with
    the packages, so that no network is needed. known: a keys.csv that the verifier trusts. execute: also L3 and L4. second: also
    hear nbval. heads: number and hash of journal entries, kept elsewhere. Nothing is written into the study.

    What is trusted: of a run in the study folder, the keys in the study's journal and the heads recorded beside it, so whoever can rewrite
    the whole folder is found only by `known` or `heads`; of a zip, `known`, or the keys in the journal of a study of this name here.
    """
    trusted = keys.read_list(known) if known else None
    if not target.endswith(".zip"):
        return _verify(studies.load(study_id), target, "", [], [], Asked(here, wheels, execute, second, trusted, heads, step))
    path, local = Path(target), None
    if not path.is_file():
        raise CdmError(f"There is no file {path}.")
    if (studies.folder_of(study_id) / "study.toml").exists():
        local = studies.load(study_id)
    asked = Asked(here, wheels, execute, second, trusted if known else keys.trusted(local) if local else {}, heads, step)
    with tempfile.TemporaryDirectory(prefix="verify-") as temporary:
        into = Path(temporary) / "data"
        into.mkdir()
        signatures, wrong = [], []
        try:
            signatures.append(restore.signed(path))
        except CdmError as error:
            wrong.append(str(error))
        try:
            back = restore.restore(path, into, results=False)
        except CdmError as error:
            return _report(study_id, "", path.name, "", "", [Level("L0", FAIL, str(error).splitlines())])
        if back.id != study_id:
            return _report(study_id, "", path.name, "", "", [Level("L0", FAIL, [f"{path.name} is of study {back.id}, not of {study_id}."])])
        which = max((p.parent.name for p in back.folder.glob("runs/*/archive")), default="")  # the others are of the weeks before
        if not which:
            return _report(study_id, "", path.name, "", "", [Level("L0", FAIL, [f"{path.name} holds no archived run."])])
        wrong += _against_local(local, which, back) if local else []
        return _verify(back, which, path.name, signatures, wrong, asked)


def _against_local(local: Study, run: str, back: Study) -> list[str]:
    """What the study here says other than the one in a zip."""
    sealed = {e.subject: e.new for e in journal.read(local, act="archive.sealed")}
    digest = archive.digest_of(back.folder / "runs" / run / "archive")
    if run not in sealed:
        return [f"the journal of study {local.id} here knows no seal of run {run}"]
    return [] if sealed[run] == digest else [f"the journal of study {local.id} here holds another seal of run {run}: {sealed[run][:12]}, not {digest[:12]}"]


def _verify(study: Study, run: str, file: str, of_zip: list[keys.Signed], wrong: list[str], asked: Asked) -> Report:
    """All levels of a run. file, of_zip, wrong: name of the zip it came in, its signature, and what is wrong with that."""
    folder = archive.folder_of(study, run)
    if not folder.exists():
        return _report(study.id, run, file, "", "", [Level("L0", FAIL, [f"Run {run} has no archive: it was never sealed, or the archive was removed."])])
    levels = [_l0(study, folder), _l1(study, run, folder, asked.trusted, of_zip, wrong), _l2(study, run, folder, asked.heads, bool(file))]
    if all(level.status != FAIL for level in levels):  # what was changed is not opened: a reader of damaged files can be made to do more than read
        _contents(folder, levels[0])
    for level in levels:
        asked.step(f"{level.id} {level.status}: {level.title}")
    facts = {}
    try:
        facts = archive.read(folder, "run.json")
        digest = archive.digest_of(folder)
    except CdmError:
        digest = ""
    if not asked.execute:
        levels.append(Level("L3", NOT_RUN, ["not asked for"]))
    elif levels[0].status == FAIL:
        levels.append(Level("L3", NOT_RUN, ["files of the archive are not as they were sealed, so they are not executed"]))
    elif levels[1].status != PASS or levels[2].status != PASS:
        levels.append(Level("L3", NOT_RUN, ["nobody whom you know vouches for the code in the archive, so it is not executed"]))
    else:
        asked.step("L3: executing the run again" + (" in this environment" if asked.here else " in a fresh environment"))
        levels += _execute(study, run, folder, asked)
    return _report(study.id, run, file, facts.get("status", ""), digest, levels)


def _report(study: str, run: str, file: str, status: str, digest: str, levels: list[Level]) -> Report:
    there = {level.id: level for level in levels}
    whole = tuple(there.get(id_, Level(id_, NOT_RUN, ["an earlier level failed" if id_ != "L4" else "L3 was not run"])) for id_ in TITLES)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Report(study, run, file, status, digest, now, f"{platform.node()}, {platform.platform()}", f"cdmlib {__version__}, DuckDB {duckdb.__version__}, Python {platform.python_version()}", whole)


def _l0(study: Study, folder: Path) -> Level:
    """The bag, and the snapshot and the extract that it names by hash."""
    level, faults, good = Level("L0"), bags.faults(folder), ""
    try:
        inputs = archive.read(folder, "inputs/inputs.json")
        faults += _inputs(study, folder, inputs)
        stored = f"the snapshot {inputs['snapshot']['id']}" if inputs["snapshot"] else "no snapshot, since none was stored"
        good = f"{sum(path.is_file() for path in folder.rglob('*'))} files of the archive, {len(inputs['received'])} files as received, {stored}"
    except (CdmError, KeyError, TypeError, AttributeError, OSError) as error:
        faults.append(str(error) if isinstance(error, CdmError) else f"inputs.json can't be read: {type(error).__name__}: {error}")
    return level.end(faults, good)


def _inputs(study: Study, folder: Path, inputs: dict) -> list[str]:
    """What is no longer as it was of the files that an archive names by hash: the snapshot's and those of the extract as received."""
    named = {}
    if inputs["snapshot"]:
        there = f"snapshots/{inputs['snapshot']['id']}"
        named |= {f"{there}/{name}": known["sha256"] for name, known in inputs["snapshot"]["datasets"].items()}
        named[f"{there}/manifest.json"] = digests.of_file(folder / "data" / "inputs" / "snapshot.json")
    cutoff = archive.read(folder, "run.json")["cutoff"]
    named |= {f"incoming/{cutoff}/{file['name']}": file["sha256"] for file in inputs["received"]}
    missing = [name for name in named if not (study.folder / name).is_file()]
    changed = [name for name in named.keys() - set(missing) if digests.of_file(study.folder / name) != named[name]]
    return [f"{name} is missing" for name in missing] + [f"{name} was changed" for name in sorted(changed)]


def _contents(folder: Path, level: Level) -> None:
    """Say at L0 what does not fit together in a bag: a table and its digest, an executed notebook and its source, a policy that can't be followed."""
    faults: list[str] = []
    try:
        results = archive.read(folder, "results.json")
        with duckdb.connect(config={"threads": 1}) as con:
            for name, known in results["tables"].items():
                if digests.of_table(con, f"({archive.archived(folder, name, known['columns'])})") != known["digest"]:
                    faults.append(f"outputs/tables/{name}.parquet does not hold what results.json says")
        for path in sorted((folder / "data" / "executed").glob("*.ipynb")):
            source = folder / "data" / "notebooks" / path.name
            if results["tables"]:  # a run that failed may have stopped in any cell
                faults += [f"executed/{d.file}, {d.where}: {d.archived!r} became {d.again!r}" for d in judge.whole(path, source if source.exists() else None)]
        faults += judge.policy_faults(archive.read(folder, "policy.json"))
    except (CdmError, duckdb.Error, KeyError, TypeError, AttributeError, OSError, UnicodeDecodeError) as error:
        faults.append(str(error) if isinstance(error, CdmError) else f"the archive can't be read: {type(error).__name__}: {error}")
    level.end(faults, "" if faults else f"{len(results['tables'])} tables hold what their digests say, and executed notebooks have every cell of their sources")


def _l1(study: Study, run: str, folder: Path, trusted: dict | None, of_zip: list, wrong: list[str]) -> Level:
    """Each signature: right, of this archive, by a key that the journal or the verifier knows, and none taken away."""
    level, faults, good = Level("L1"), list(wrong), []
    in_journal = keys.trusted(study)
    known = in_journal if trusted is None else trusted
    entered = {e.field: e.new for e in journal.read(study, act="archive.signed", subject=run)}
    found = {path.stem: path for path in sorted((folder / "signatures").glob("*.json"))}
    faults += [f"signatures/{path.name} does not belong there" for path in sorted((folder / "signatures").glob("*")) if path.suffix != ".json"]
    faults += [f"the signature of {signer} is missing" for signer in sorted(entered.keys() - found.keys())]
    unknown = []
    for signer, path in found.items():
        try:
            signed = keys.read(path.read_text(encoding="utf-8"))
            ours = signed.digest == archive.digest_of(folder) and signed.subject == run
        except (CdmError, UnicodeDecodeError) as error:
            faults.append(f"signatures/{path.name}: {error}")
            continue
        if not ours:
            faults.append(f"signatures/{path.name} is not of this archive: it signs another {bags.TAGS}")
        elif signed.signer != signer or entered.get(signer) != digests.of_file(path):
            faults.append(f"signatures/{path.name} is not the signature that the journal holds")
        elif signed.public_key not in in_journal.get(signer, ()):
            faults.append(f"signatures/{path.name} is by a key that the journal does not know as {signer}'s ({signed.fingerprint})")
        elif trusted is not None and signed.public_key not in known.get(signer, ()):
            (faults if trusted else unknown).append(f"{signer}'s key {signed.fingerprint} is not one that the verifier knows")
        else:
            good.append(f"{signed.name} ({signed.role}), {_utc(signed.signed_at)}, meaning: {signed.meaning}; key {signed.fingerprint}")
    for signed in of_zip:
        if signed.public_key not in known.get(signed.signer, ()):
            (faults if trusted else unknown).append(f"the key of the file's signature, {signed.fingerprint}, is not one that the verifier knows")
    if not found:
        faults.append("there is no signature")
    if unknown and not faults:
        level.said += [*unknown, "The keys come with the file itself. Get the study's keys.csv from the study team and give it with --keys."]
        return level
    level.end(faults, good[0] if good else "")
    level.said += good[1:] if not faults else good
    if trusted is None:
        level.said.append("These keys are in the journal of this study folder alone; to hold them against a list of your own, give it with --keys.")
    return level


def _l2(study: Study, run: str, folder: Path, heads: tuple[tuple[int, str], ...], of_zip: bool) -> Level:
    """The chain against every head recorded elsewhere and those given, the archived segment and head, and the seal in the chain."""
    level, faults, good, given, later = Level("L2"), [], "", [], []
    try:
        last = journal.head(study)[0]
        given = [(seq, digest, f"The head given, {seq}:{digest[:12]}…,") for seq, digest in heads if not of_zip or seq <= last]
        later = [f"The head given of entry {seq} is later than the journal in the file, which ends with entry {last}: it shows nothing here." for seq, _ in heads if of_zip and seq > last]
        chain = journal.verify(study, [*journal.anchors(study), *given])
        faults += [] if chain.ok else [chain.said]
        head = archive.read(folder, "journal/head.json")
        segment = journal.from_lines((folder / "data" / "journal" / "segment.jsonl").read_text(encoding="utf-8"))
        entries = {e.seq: e for e in journal.read(study)}
        if head["seq"] and (head["seq"] not in entries or entries[head["seq"]].hash != head["hash"]):
            faults.append(f"the journal's entry {head['seq']} is not the one that this run saw as its last")
        faults += [f"the journal's entry {e.seq} is not the one that was archived" for e in segment if entries.get(e.seq) != e][:3]
        sealed = [e for e in entries.values() if e.act == "archive.sealed" and e.subject == run]
        if len(sealed) != 1:
            faults.append(f"the journal holds {len(sealed)} seals of run {run}; there must be one")
        elif sealed[0].new != archive.digest_of(folder):
            faults.append(f"this is not the archive that was sealed: the journal holds {sealed[0].new[:12]}, the archive is {archive.digest_of(folder)[:12]}")
        good = f"{chain.entries} entries, each as it was written{', ' + str(len(given)) + ' of them as the heads given say' if given else ''}; entry {head['seq']} is the head that the run saw; entry {sealed[0].seq if sealed else '-'} is the seal"
    except (CdmError, KeyError, TypeError, OSError, UnicodeDecodeError) as error:
        faults.append(f"{error}")
    level.end(faults, good).said += later
    if not given:
        level.said.append("Who can rewrite the whole study folder can rewrite this too; to hold the journal against a head kept elsewhere, give it with --head.")
    return level


def _execute(study: Study, run: str, folder: Path, asked: Asked) -> list[Level]:
    """L3 with the archived code, and L4 with today's where that is another."""
    level, later, facts = Level("L3"), Level("L4"), archive.read(folder, "run.json")
    if facts.get("error") == mart.KILLED or not list((folder / "data" / "executed").glob("*.ipynb")):
        level.said.append("the run was killed while it worked, or made by hand in a notebook: there is nothing whole to compare with")
        return [level, later]
    try:
        with tempfile.TemporaryDirectory(prefix="again-") as temporary:
            root = Path(temporary)
            code = _unpacked(_library(folder), root / "code")
            python, path = _environment(folder, root / "env", code, asked, level)
            verdict = _again(study, run, folder, facts, root / "first", path, python, level)
            if asked.second and verdict is not None:
                asked.step("L3: a second opinion, by nbval")
                _nbval(study, run, folder, facts, root / "second", path, python, level)
            if verdict is not None:
                _conclude(level, verdict)
            today = wheel.files(_sources())
            with zipfile.ZipFile(_library(folder)) as file:
                archived = {name: file.read(name) for name in file.namelist() if ".dist-info/" not in name}
            other = sorted(n for n in today.keys() | archived.keys() if today.get(n) != archived.get(n))
            moved = _moved(archive.read(folder, "environment/platform.json")["packages"], archive.platform_facts()["packages"])
            if not other and not moved:
                later.status = PASS
                later.said.append("not needed: code and packages are those of the archive")
            elif verdict is not None:
                asked.step("L4: executing by today's version")
                later.said.append(f"{len(other)} files of the library and {len(moved)} packages differ from those of the archive" + (f": {', '.join(moved[:10])}" if moved else ""))
                wheel.write(root / wheel.name(), _sources())
                again = _again(study, run, folder, facts, root / "today", _unpacked(root / wheel.name(), root / "todays"), sys.executable, later)
                if again is not None:
                    _conclude(later, again)
                    later.status = DIFFERS if later.status == FAIL else later.status
    except CdmError as error:
        level.said.append(str(error))
    return [level, later]


def _conclude(level: Level, verdict: Verdict) -> None:
    level.differences = verdict.differences
    level.excluded = {k: n for k, n in sorted(verdict.excluded.items()) if n}
    compared = ", ".join(f"{n} {what}" for what, n in sorted(verdict.compared.items()))
    nbval_failed = any(line.startswith("nbval: FAILED") for line in level.said)
    level.status = FAIL if verdict.differences or nbval_failed or not verdict.compared else PASS
    level.said.append(f"{len(verdict.differences)} differences in {compared}")


def _sources() -> Path:
    return next(path for path in (wheel.PACKAGE.parent / "notebooks", wheel.PACKAGE / "_notebooks") if path.is_dir())


def _library(folder: Path) -> Path:
    """The wheel of cdmlib in an archive."""
    wheels = sorted((folder / "data" / "code").glob("*.whl"))
    if len(wheels) != 1:
        raise CdmError("The archive must hold one wheel of cdmlib.")
    return wheels[0]


def _unpacked(library: Path, into: Path) -> Path:
    """A wheel as a folder to run from, compiled once for every notebook's process."""
    with zipfile.ZipFile(library) as file:
        file.extractall(into)
    compileall.compile_dir(into, quiet=2)
    return into


def _environment(folder: Path, env: Path, code: Path, asked: Asked, level: Level) -> tuple[str, Path | None]:
    """The Python to execute with, and where it finds the archived library: this one, with the unpacked library, or a fresh one that has it installed."""
    facts, ours = archive.read(folder, "environment/platform.json"), archive.platform_facts()
    level.said += [f"{what} was {facts[what]}, and is {ours[what]}" for what in ("python", "machine") if facts[what] != ours[what]]
    if asked.here:
        moved = _moved(facts["packages"], ours["packages"])
        level.said.append("in THIS environment (--here), not a fresh one; its packages " + (f"differ: {', '.join(moved[:10])}" if moved else "are those of the archive"))
        return sys.executable, code
    lock = folder / "data" / "environment" / "requirements.lock"
    if not lock.exists():
        raise CdmError("The archive holds no requirements lock: no fresh environment can be made. Use --here.")
    python = env / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile"]
    offline = ["--isolated", "--no-index", "--find-links", str(asked.wheels.resolve())] if asked.wheels else []  # isolated: what pip is set up to use is not used
    made = [sys.executable, "-m", "venv", str(env)]
    packages, own = [*pip, *offline, "--require-hashes", "-r", str(lock)], [*pip, "--isolated", "--no-index", "--no-deps", str(_library(folder))]
    for command in (made, [*(without_network() if asked.wheels else ()), *packages], own):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise CdmError(
                f"No fresh environment could be made: {(done.stderr or done.stdout).strip()[-600:]}\nThe folder of --wheels is filled, where there is a network and the same kind of "
                f"machine and Python, by: pip download --require-hashes -r {lock.relative_to(folder)} -d FOLDER"
            )
    level.said.append("in a fresh environment made from the archived lock" + (", from a folder of packages, without an index" if asked.wheels else ""))
    return str(python), None


def _moved(was: dict[str, str], now: dict[str, str]) -> list[str]:
    """The packages whose version is another."""
    return [f"{n} {was.get(n, '(absent)')} → {now.get(n, '(absent)')}" for n in sorted(now.keys() | was.keys()) if now.get(n) != was.get(n)]


def lay_out(study: Study, run: str, folder: Path, into: Path) -> Study:
    """A study folder as it stood before the run: content, extract as received, earlier snapshots, the week before, the journal up to the head.

    Raises CdmError when a part is no longer there or no longer as it was.
    """
    facts, inputs = archive.read(folder, "run.json"), archive.read(folder, "inputs/inputs.json")
    target = into / study.id
    archive.copy_content(study, folder, target)
    restore.own_journal(target / "study.toml")
    for file in inputs["received"]:
        source, copy = (base / "incoming" / facts["cutoff"] / file["name"] for base in (study.folder, target))
        if not source.is_file() or digests.of_file(source) != file["sha256"]:
            raise CdmError(f"incoming/{facts['cutoff']}/{file['name']} is not the file that the run took in; put the extract as received back.")
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy)
    for name in restore.needed_snapshots(study, run):
        if name in inputs["snapshots_before"]:
            shutil.copytree(study.folder / "snapshots" / name, target / "snapshots" / name)
    sealed = {e.subject: e.new for e in journal.read(study, act="archive.sealed")}
    for before in inputs["earlier_runs"]:
        bag = archive.folder_of(study, before)
        if not bag.exists() or (faults := bags.faults(bag)):
            raise CdmError(f"The archive of run {before}, whose results the run looked at, is missing or damaged" + (f": {faults[0]}" if bag.exists() else "."))
        if sealed.get(before) != archive.digest_of(bag):
            raise CdmError(f"The archive of run {before}, whose results the run looked at, is not the one that was sealed.")
        archive.mart_from_parquet(bag, target / "marts" / f"{before}.duckdb")
        (target / "runs" / before).mkdir(parents=True)
        shutil.copy2(bag / "data" / "run.json", target / "runs" / before / "manifest.json")
    here = target / "runs" / run
    here.mkdir(parents=True)
    kept = {name: facts[name] for name in ("study", "run", "cutoff", "started_at", "by", "snapshots_before") if name in facts}
    (here / "manifest.json").write_text(json.dumps(kept | {"status": "running"}), encoding="utf-8")
    laid = studies.read(target / "study.toml")
    head = archive.read(folder, "journal/head.json")["seq"]
    if entries := [e for e in journal.read(study) if e.seq <= head]:
        journal.restore(laid, entries)
    return laid


def _surroundings(into: Path, code: Path | None) -> dict[str, str]:
    """What a re-execution sees of this machine: nothing that the person who runs it has set up for themselves."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    own = {"JUPYTER_PREFER_ENV_PATH": "1", "IPYTHONDIR": str(into.with_name(f"{into.name}.ipython"))}
    own |= {"PYTHONPATH": str(code), "PYTHONDONTWRITEBYTECODE": "1"} if code else {}  # nothing is written into the environment that the verifier works in
    return kept | own | {"CDM_DATA": str(into), "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}


def without_network(loopback: bool = False) -> list[str]:
    """What to put before a command so that it has no network, or only its own (loopback); empty where this system does not allow that."""
    command = ["unshare", "--map-root-user", "--net"]
    if loopback:
        command += ["sh", "-c", 'ip link set lo up && exec "$@"', "-"]
    if not shutil.which("unshare") or subprocess.run([*command, "true"], capture_output=True).returncode:
        return []
    return command


def _again(study: Study, run: str, folder: Path, facts: dict, into: Path, code: Path | None, python: str, level: Level) -> Verdict | None:
    """Execute the run's notebooks anew in a folder of its own and compare; None when it can't be done, with the reason in the level."""
    laid = lay_out(study, run, folder, into)
    parameters = archive.read(folder, "parameters.json")
    out = laid.folder / "runs" / run
    asked = json.dumps({"out": str(out), "notebooks": parameters})
    blocked = without_network()
    done = subprocess.run([*blocked, python, "-c", DRIVER, asked], env=_surroundings(into, code), cwd=into, capture_output=True, text=True)
    level.said.append("executed without network" if blocked else "executed with the network there: this system does not let it be cut off")
    if done.returncode:
        level.status = FAIL
        level.said.append(f"the execution ended with an error: {done.stderr.strip()[-600:]}")
        return None
    policy, results, verdict = archive.read(folder, "policy.json"), archive.read(folder, "results.json"), Verdict()
    folders = facts.get("data_folder", ""), str(into)
    for path in sorted((folder / "data" / "executed").glob("*.ipynb")):
        verdict.compared["notebooks"] += 1
        judge.notebooks(verdict, path, out / path.name, policy, folders)
    inputs = archive.read(folder, "inputs/inputs.json")
    if inputs["snapshot"]:
        for name, known in inputs["snapshot"]["datasets"].items():
            verdict.compared["datasets"] += 1
            made = laid.folder / "snapshots" / inputs["snapshot"]["id"] / name
            verdict.note(f"snapshot {name}", "digest", known["digest"], digests.of_parquet(made) if made.exists() else "not stored")
    written = {path.name: digests.of_zip(path) for path in out.glob("*.xlsx")}
    verdict.note("outputs", "workbooks", sorted(results["workbooks"]), sorted(written))
    for name in sorted(results["workbooks"].keys() & written.keys()):
        verdict.compared["workbooks"] += 1
        verdict.note(f"outputs/{name}", "digest", results["workbooks"][name], written[name])
    published = laid.folder / "marts" / f"{run}.duckdb"
    if results["tables"]:
        if published.exists():
            with duckdb.connect(str(published), read_only=True) as con:
                judge.tables(verdict, folder / "data" / "outputs" / "tables", con, results, policy)
        else:
            verdict.note("results.json", "published results", "there", "none")
    elif published.exists():
        verdict.note("results.json", "published results", "none", "there")
    return verdict


def _nbval(study: Study, run: str, folder: Path, facts: dict, into: Path, code: Path | None, python: str, level: Level) -> None:
    """What nbval says of the archived notebooks, in another folder laid out like the first; it does not see images and skipped cells."""
    if facts["status"] != "complete":
        level.said.append("nbval: not run, since the run failed")
        return
    laid = lay_out(study, run, folder, into)
    books = laid.folder / "executed"
    shutil.copytree(folder / "data" / "executed", books)
    ids = into / "ids.ini"  # nbval would compare the random ids of a plot; the judge has compared them as the policy says
    ids.write_text(f"[ids]\nregex: {judge.IDS.pattern}\nreplace: id\n", encoding="utf-8")
    command = [*without_network(loopback=True), python, "-m", "pytest", "-q", "--nbval", "--nbval-sanitize-with", str(ids), "-p", "no:cacheprovider", "--rootdir", str(books), "-c", os.devnull, *map(str, sorted(books.glob("*.ipynb")))]
    done = subprocess.run(command, env=_surroundings(into, code), cwd=books, capture_output=True, text=True)
    last = (done.stdout.strip().splitlines() or [done.stderr.strip()[-200:]])[-1]
    if "unrecognized arguments: --nbval" in done.stderr or "No module named pytest" in done.stderr:
        level.said.append("nbval: not run, since it is not installed here")
    else:
        level.said.append(f"nbval: {'passed' if done.returncode == 0 else 'FAILED'}, {last.strip('= ')}")


def write(report: Report, folder: Path, sign: Callable[[str, str], str] | None = None) -> Path:
    """Write a report as HTML and JSON into `folder`; `sign`, given name and SHA-256 of the JSON, returns the verifier's signature file. Returns the HTML."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{report.run or 'unknown'}-{report.verified_at.replace(':', '').replace('+0000', 'Z')}"
    facts = asdict(report) | {"result": report.said, "levels": [asdict(level) | {"title": level.title} for level in report.levels]}
    path = folder / f"{stem}.json"
    path.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    signed = "not signed"
    if sign:
        text = sign(path.name, digests.of_file(path))
        path.with_suffix(".signature.json").write_text(text, encoding="utf-8")
        who = keys.read(text)
        signed = f"{who.name} ({who.role}), {_utc(who.signed_at)}, meaning: {who.meaning}; key {who.fingerprint}"
    (folder / f"{stem}.html").write_text(_page(report, digests.of_file(path), signed), encoding="utf-8")
    return folder / f"{stem}.html"


def _utc(time: str) -> str:
    return f"{time[:19].replace('T', ' ')} UTC"


def _page(report: Report, digest: str, signed: str) -> str:
    cell = html.escape
    rows = "".join(
        f"<tr><td>{x.id}</td><td>{cell(x.title)}</td><td class='{x.status.replace(' ', '_')}'>{x.status}</td><td>{'<br>'.join(cell(s) for s in x.said[:20])}"
        f"{f'<br>and {len(x.said) - 20} more, in the JSON' if len(x.said) > 20 else ''}"
        f"{'<br>excluded by the archived policy: ' + cell(', '.join(f'{k} {n} times' for k, n in x.excluded.items())) if x.excluded else ''}</td></tr>"
        for x in report.levels
    )
    differences = "".join(
        f"<tr><td>{x.id}</td><td>{cell(d.file)}</td><td>{cell(d.where)}</td><td><pre>{cell(d.archived)}</pre></td><td><pre>{cell(d.again)}</pre></td></tr>"
        for x in report.levels
        for d in x.differences[:200]
    )
    table = f"<h2>Differences</h2><table><tr><th>Level</th><th>File</th><th>Where</th><th>Archived</th><th>Again</th></tr>{differences}</table>" if differences else ""
    facts = (("Study", report.study), ("Run", f"{report.run} ({report.status_of_run})"), ("Archive", report.digest), ("File", report.file or "in the study folder"),
             ("Verified", _utc(report.verified_at)), ("On", report.verified_on), ("With", report.with_version), ("Signed", signed), ("SHA-256 of the JSON", digest))  # fmt: skip
    head = "".join(f"<tr><th>{name}</th><td>{cell(value)}</td></tr>" for name, value in facts)
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Verification of run {cell(report.run)}</title><style>{STYLE}</style>"
        f"<h1>Verification of run {cell(report.run or 'unknown')}</h1><p class='{'PASS' if report.ok else 'FAIL'} result'>{cell(report.said)}</p><table>{head}</table>"
        f"<table><tr><th>Level</th><th>What it shows</th><th>Result</th><th>Found</th></tr>{rows}</table>{table}\n"
    )
