"""Run the library on the planted extract, as a study's week does, and count what it found of each kind."""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bench.detection import forms, plant
from cdmlib import checks, mart, snapshot, standard, tables
from cdmlib import study as studies
from cdmlib.demo import extract
from cdmlib.demo.generate import CUT_OFFS, Record, Subject, population
from cdmlib.demo.lists import CONTENT

DENSITIES = (0.001, 0.01, 0.05, 0.25)
Finding = tuple[str, str, str, str]  # check, subject, record key, site


@dataclass(frozen=True)
class Kind:
    """One kind at one density: errors planted, found by a check aimed at it, found by any; findings among its subjects, and false ones."""

    kind: str
    aimed: tuple[str, ...]
    eligible: int
    planted: int
    found: int
    by_any: int
    findings: int
    false: tuple[Finding, ...]
    checks: tuple[tuple[str, int], ...]  # which checks spoke on the touched records, and how often
    missed: tuple[plant.Error, ...]


def clean_trial(seed: int, subjects: int) -> plant.Trial:
    """The right data: the demo's population, made to agree where the demo leaves to chance what belongs together."""
    people, records = population(seed, subjects)
    return plant.trial(people, [*_agreeing(records), *forms.add(seed, people, records)])


def _agreeing(records: list[Record]) -> list[Record]:
    """Haematocrit follows haemoglobin, and no result is called significant, as the demo has no events for those."""
    blood = {(r.subject, r.visit): r.history[0][1] for r in records if r.history[0][1].get("LBTESTCD") == "HGB"}
    made = []
    for record in records:
        (when, values), *_ = record.history
        if record.form == "LB" and values.get("LBORRES"):
            source = blood.get((record.subject, record.visit), {}).get("LBORRES")
            if values["LBTESTCD"] == "HCT" and source:
                share = float(source) * (1 if float(source) > 30 else 10) * 0.296
                values = values | {"LBORRES": f"{share:.1f}"}
            low, result, high = (float(values[name]) for name in ("LBORNRLO", "LBORRES", "LBORNRHI"))
            values = {k: v for k, v in values.items() if k != "LBCLSIG"} | (
                {} if low <= result <= high else {"LBCLSIG": "N"}
            )
            record = replace(record, history=((when, values),))
        made.append(record)
    return made


def study(folder: Path, subjects: dict[str, Subject], records: list[Record]) -> None:
    """Write a study with one extract of these records: the demo's own settings and tables, and those of the further forms."""
    incoming = folder / "incoming" / CUT_OFFS[-1]
    extract.write(incoming, CUT_OFFS[-1], plant.AT, subjects, [r for r in records if r.form not in forms.FIELDS])
    forms.write(incoming, plant.AT, subjects, [r for r in records if r.form in forms.FIELDS])
    settings = (CONTENT / "study.toml").read_text(encoding="utf-8").replace('id = "demo" ', f'id = "{folder.name}" ', 1)
    settings = re.sub(r"\[sources\.queries\].*?(?=\n# The visit)", "", settings, flags=re.DOTALL)
    added = (plant.FOLDER / "study.toml").read_text(encoding="utf-8")
    (folder / "study.toml").write_text(settings + added, encoding="utf-8")
    (folder / "fields.csv").write_bytes((plant.FOLDER / "fields.csv").read_bytes())
    (folder / "tables").mkdir()
    for path in (*sorted((CONTENT / "tables").glob("*.sql")), *sorted((plant.FOLDER / "tables").glob("*.sql"))):
        if path.stem not in (*standard.OPERATIONAL, "pc"):  # feeds that this trial does not have
            (folder / "tables" / path.name).write_bytes(path.read_bytes())


def findings(folder: Path) -> tuple[list[Finding], dict[str, str]]:
    """Every finding of the whole library on the study in `folder`, and the outcome of every check with its reason."""
    os.environ["CDM_DATA"] = str(folder.parent)
    snapshot.ingest(studies.load(folder.name))
    with mart.scratch(folder.name) as work:
        tables.build(work)
        ran = checks.run(work)
        found = work.con.execute("SELECT check_id, subjid, record_key, siteid FROM findings ORDER BY ALL").fetchall()
    outcomes = {row.check_id: f"{row.outcome}: {row.reason}" if row.reason else row.outcome for row in ran.itertuples()}
    return found, outcomes


def score(
    trial: plant.Trial, errors: Iterable[plant.Error], possible: dict[str, int], found: list[Finding]
) -> list[Kind]:
    """Count by kind. A finding counts for the kind among whose subjects it is; it is explained on a record that an error touched."""
    belongs = {person: name for name, pool in trial.pools.items() for person in pool}
    site_of = {s.site["number"]: belongs.get(s.id, "") for s in trial.subjects.values()}
    by_kind: dict[str, list[Finding]] = defaultdict(list)
    for finding in found:
        by_kind[belongs.get(finding[1], "") if finding[1] else site_of.get(finding[3] or finding[2], "")].append(
            finding
        )
    planted: dict[str, list[plant.Error]] = defaultdict(list)
    for error in errors:
        planted[error.kind].append(error)
    scored = []
    for kind in plant.all_kinds():
        name, aimed, own = kind["kind"], tuple(kind["aimed"].split()), planted[kind["kind"]]
        spoken: dict[str, set[str]] = defaultdict(set)
        for check, _, key, _ in by_kind[name]:
            for part in parts(key):
                spoken[part].add(check)
        seen = [set().union(*(spoken.get(key, set()) for key in error.hit)) for error in own]
        touched = set().union(*(error.touched for error in own)) if own else set()
        false = tuple(finding for finding in by_kind[name] if not set(parts(finding[2])) & touched)
        found_by = Counter(check for checks_there in seen for check in checks_there)
        if kind["act"] == "site":  # a whole site is one error
            seen = [set().union(*seen)] if seen else []
            own = own[:1]
        hits = [bool(checks_there & set(aimed)) for checks_there in seen]
        scored.append(
            Kind(
                name,
                aimed,
                1 if kind["act"] == "site" else possible[name],
                len(own),
                sum(hits),
                sum(map(bool, seen)),
                len(by_kind[name]),
                false,
                tuple(found_by.most_common(8)),
                tuple(error for error, hit in zip(own, hits, strict=True) if not hit),
            )
        )
    return scored


def parts(key: str) -> tuple[str, ...]:
    """A record key and what it begins with: a test's page, a visit's subject and name."""
    pieces = (key or "").split("#")[0].split("|")
    return tuple("|".join(pieces[:n]) for n in range(len(pieces), 1 if len(pieces) > 1 else 0, -1))


@dataclass(frozen=True)
class Result:
    """Everything measured with one seed: the clean trial's findings, and by density the kinds."""

    seed: int
    subjects: int
    records: int
    clean: tuple[Finding, ...]
    outcomes: dict[str, str]
    by_density: dict[float, list[Kind]]


def run(seed: int, subjects: int, densities: Iterable[float] = DENSITIES) -> Result:
    """Make the clean trial and run the library on it without errors and at each density of errors."""
    trial = clean_trial(seed, subjects)
    found, outcomes = on_disk(trial.subjects, list(trial.records))
    by_density = {}
    for density in densities:
        records, errors, possible = plant.plant(trial, density)
        by_density[density] = score(trial, errors, possible, on_disk(trial.subjects, records)[0])
    there = sum(record.right(plant.AT) is not None for record in trial.records)
    return Result(seed, subjects, there, tuple(found), outcomes, by_density)


def on_disk(subjects: dict[str, Subject], records: list[Record]) -> tuple[list[Finding], dict[str, str]]:
    """Findings and outcomes on a study written into a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "planted"
        study(place, subjects, records)
        return findings(place)
