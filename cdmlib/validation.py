"""Validation evidence: is the installation the one that was tested (IQ), does it do what is required (OQ), and a form for the organisation's own trial (PQ).

It supports validation under 21 CFR Part 11; the organisation decides what its intended use needs, and signs.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cdmlib import __version__, demo, digests, evidence, notebooks, verify, wheel
from cdmlib.errors import CdmError

REQUIREMENTS = Path(__file__).parent / "requirements.toml"
PLUGIN = """
import json, pytest
results = {}
class Recorder:
    def pytest_runtest_logreport(self, report):
        if report.when == "call" or report.outcome != "passed":
            known = results.setdefault(report.nodeid, {"outcome": report.outcome, "requirements": [v for k, v in report.user_properties if k == "requirement"]})
            known["outcome"] = report.outcome if known["outcome"] == "passed" else known["outcome"]
    def pytest_runtest_setup(self, item):
        item.user_properties += [("requirement", id_) for mark in item.iter_markers("requirement") for id_ in mark.args]
import sys
code = pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[2:]], plugins=[Recorder()])
json.dump({"exit": int(code), "tests": results}, open(sys.argv[1], "w"))
"""
STYLE = """body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:66rem;color:#1c2733}table{border-collapse:collapse;width:100%;margin:.4rem 0 1.6rem}
th,td{border:1px solid #d4dbe2;padding:.25rem .5rem;text-align:left;vertical-align:top}th{background:#eef2f6}.bad{background:#fbe3e1;font-weight:600}
.blank td{height:2.2rem}.form th:nth-child(2){width:36%}.form th:nth-child(n+4){width:13%}@page{size:A4;margin:16mm}@media print{body{margin:0;max-width:none;font-size:11px}h2{break-after:avoid}tr{break-inside:avoid}}"""
PQ = (
    ("Intended use of the program in this organisation, and its risk", ""),
    ("Study or pilot used for the trial, with its study.toml and version", ""),
    ("An extract as received is taken in: rows in the file = stored + quarantined", "load report of 10_ingest"),
    ("A known error in the data appears in the workbook, and a review made there is carried to the next week", "workbook, journal"),
    ("A run is verified by somebody who did not make it, on another machine", "report of cdm verify"),
    ("A backup is restored by the procedure of this organisation", "log of cdm backup --drill"),
    ("People, roles and passwords are as the access procedure says", "cdm people"),
    ("Training of those who use it is on file", ""),
)


@dataclass(frozen=True)
class Package:
    """One package of the lock: its version there, the one installed, how many files were held against its own list of hashes, and what is wrong."""

    name: str
    locked: str
    installed: str
    files: int
    fault: str


@dataclass
class Evidence:
    """Everything that `cdm validate` found; `failures` is empty when all of it is as it must be."""

    made_at: str
    version: str
    machine: str
    packages: list[Package]
    requirements: list[dict]
    cases: dict
    levels: list[dict] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def requirements() -> dict[str, dict[str, str]]:
    """The requirements by id: text and source. Raises CdmError for an entry without them."""
    found = tomllib.loads(REQUIREMENTS.read_text(encoding="utf-8"))
    if wrong := [id_ for id_, entry in found.items() if set(entry) != {"text", "source"} or not re.fullmatch(r"R\d\d", id_)]:
        raise CdmError(f"{REQUIREMENTS}: {', '.join(wrong)} must have an id like R01, a text and a source.")
    return found


def write(folder: Path, tests: Path | None, run_demo: bool = True, step: Callable[[str], None] = lambda text: None) -> Evidence:
    """Write iq.html, oq.html, pq.html (a form) and validation.json, and the cases of all checks, into `folder`.

    tests: the folder of the tests, of which those that name a requirement are run; without it the requirements are said to be untested here.
    run_demo: also run the first week of the synthetic study and verify its archive by executing it again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    step("IQ: packages against the lock")
    made = Evidence(datetime.now(UTC).isoformat(timespec="seconds"), f"{__version__}, code {_code()}", f"{platform.node()}, {platform.platform()}, Python {platform.python_version()}", packages(), [], {})
    made.failures += [f"package {p.name}: {p.fault}" for p in made.packages if p.fault]
    step("OQ: the cases of every check")
    cases = evidence.write(None, folder)
    made.cases = {"checks": cases.checks, "cases": cases.cases, "passed": cases.passed, "failed": cases.failed}
    made.failures += list(cases.failures)
    step("OQ: requirements and their tests, which takes some ten minutes" if tests else "OQ: there are no tests here")
    results = _run_tests(tests) if tests else {}
    for id_, entry in requirements().items():
        of_it = {name: r["outcome"] for name, r in results.items() if id_ in r["requirements"]}
        outcome = "not tested here" if not of_it else "passed" if set(of_it.values()) == {"passed"} else "failed" if "failed" in of_it.values() else "passed in part"
        made.requirements.append({"id": id_, **entry, "outcome": outcome, "tests": of_it})
        if outcome != "passed":
            made.failures.append(f"{id_}: {outcome}")
    if run_demo:
        step("OQ: the synthetic study, run and executed again")
        made.levels = _demo()
        made.failures += [f"demo, {level['id']}: {level['status']}" for level in made.levels if level["status"] == verify.FAIL]
    (folder / "validation.json").write_text(json.dumps(asdict(made), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, page in (("iq", _iq(made)), ("oq", _oq(made)), ("pq", _pq(made))):
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return made


def _code() -> str:
    """Which code this is, whatever version it says: the start of a SHA-256 over every file of the library and its notebooks."""
    return digests.of_json({name: hashlib.sha256(data).hexdigest() for name, data in wheel.files(notebooks.folder()).items()})[:16]


def packages() -> list[Package]:
    """Every package of the lock that this system needs: version and, file by file, the hashes that its wheel brought along."""
    path = wheel.requirements()
    if not path:
        raise CdmError("The requirements lock is not there: it belongs beside the package or inside it. Install cdmlib again.")
    lines = re.findall(r"^([\w.-]+)==([^\s;\\]+)\s*(?:;\s*([^\\\n]+))?", path.read_text(encoding="utf-8"), re.MULTILINE)
    found = []
    for name, locked, marker in lines:
        if marker and not _applies(marker.strip()):
            continue
        try:
            dist = distribution(name)
        except PackageNotFoundError:
            found.append(Package(name, locked, "", 0, "is not installed"))
            continue
        n, wrong = _files(dist)
        fault = f"version {dist.version} is installed, {locked} is locked" if dist.version != locked else f"{wrong[0]} was changed" if wrong else ""
        found.append(Package(name, locked, dist.version, n, fault))
    return found


def _applies(marker: str) -> bool:
    from packaging.markers import Marker

    return Marker(marker).evaluate()


def _files(dist: object) -> tuple[int, list[str]]:
    n, wrong = 0, []
    for file in dist.files or ():
        if file.hash is None or file.hash.mode != "sha256" or "bin" in file.parts[:-1]:  # scripts are written anew on installing
            continue
        try:
            digest = base64.urlsafe_b64encode(hashlib.sha256(Path(file.locate()).read_bytes()).digest()).rstrip(b"=").decode()
        except OSError:
            digest = ""
        n += 1
        if digest != file.hash.value:
            wrong.append(str(file))
    return n, wrong


def _run_tests(folder: Path) -> dict[str, dict]:
    """The tests that name a requirement, by name, with how each ended."""
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "results.json"
        done = subprocess.run([sys.executable, "-c", PLUGIN, str(out), "-m", "requirement", str(folder)], cwd=folder.parent, capture_output=True, text=True)
        if not out.exists():
            raise CdmError(f"The tests could not be run: {(done.stderr or done.stdout).strip()[-400:]}")
        return json.loads(out.read_text(encoding="utf-8"))["tests"]


def _demo() -> list[dict]:
    """The first week of the synthetic study, run and verified in a folder of its own."""
    before = os.environ.get("CDM_DATA")
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["CDM_DATA"] = temporary
        try:
            demo.create(Path(temporary) / "demo")
            week = notebooks.weekly("demo", demo.CUT_OFFS[0])
            report = verify.run("demo", week.run, here=True, second=False)
        finally:
            os.environ.pop("CDM_DATA")
            if before is not None:
                os.environ["CDM_DATA"] = before
    return [{"id": level.id, "title": level.title, "status": level.status, "said": level.said} for level in report.levels]


def _iq(made: Evidence) -> str:
    rows = [(p.name, p.locked, p.installed, p.files, p.fault or "as locked") for p in made.packages]
    bad = [bool(p.fault) for p in made.packages]
    n = sum(p.files for p in made.packages)
    said = f"{len(rows)} packages of the lock, {n} files held against the hashes they came with, {sum(bad)} faults."
    return _page("Installation qualification", made, said, _table(("Package", "Locked", "Installed", "Files", "Result"), rows, bad))


def _oq(made: Evidence) -> str:
    rows = [(r["id"], r["text"], r["source"], "; ".join(f"{n.rpartition('::')[2]}: {o}" for n, o in r["tests"].items()), r["outcome"]) for r in made.requirements]
    parts = ["<h2>Requirements and their tests</h2>", _table(("Id", "Requirement", "Source", "Tests", "Result"), rows, [r["outcome"] != "passed" for r in made.requirements])]
    c = made.cases
    parts.append(f"<h2>Cases of the checks</h2><p>{c['checks']} checks and measures, {c['cases']} cases: {c['passed']} passed, {c['failed']} failed. Each case: uat.html.</p>")
    if made.levels:
        levels = [(x["id"], x["title"], x["status"], "; ".join(x["said"])) for x in made.levels]
        parts += ["<h2>The synthetic study, executed again</h2>", _table(("Level", "", "Result", "Found"), levels, [x["status"] == verify.FAIL for x in made.levels])]
    return _page("Operational qualification", made, f"{len(made.failures)} failures." if made.failures else "No failures.", "".join(parts))


def _pq(made: Evidence) -> str:
    rows = [(number, what, hint, "", "", "") for number, (what, hint) in enumerate(PQ, start=1)]
    signed = "<h2>Conclusion and approval</h2><table class='blank'><tr><th>Role</th><th>Name</th><th>Date</th><th>Signature</th></tr>" + "<tr><td></td><td></td><td></td><td></td></tr>" * 3 + "</table>"
    return _page(
        "Performance qualification: form", made, "To be filled in by the organisation, for its own use of the program.",
        _table(("", "What is shown", "Evidence", "Result", "By", "Date"), rows, [False] * len(rows), "blank form") + signed,
    )  # fmt: skip


def _page(title: str, made: Evidence, said: str, body: str) -> str:
    facts = f"cdmlib {made.version}; {made.machine}; {made.made_at} (UTC)"
    note = "This evidence supports 21 CFR Part 11 and GCP validation; the organisation judges it for its intended use."
    return (
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
        f"<p>{html.escape(facts)}</p><p><b>{html.escape(said)}</b> {note}</p>{body}\n"
    )


def _table(head: tuple, rows: list[tuple], bad: list[bool], kind: str = "") -> str:
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    body = "".join(
        f"<tr{' class=bad' if wrong else ''}>" + "".join(f"<td>{html.escape(str(value))}</td>" for value in row) + "</tr>" for row, wrong in zip(rows, bad, strict=True)
    )
    return f"<table class='{kind}'><thead><tr>{cells}</tr></thead>{body}</table>"
