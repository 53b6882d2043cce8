"""Freeze a study's tables, sign what is frozen, keep it locked, and open it again only as far as was approved.

The steps and who may take them: module standing. What is frozen lies in locks/<lock>: every table of the published
results as Parquet, and a manifest whose digest is what people sign.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd

from cdmlib import digests, journal, mart, people, readiness, snapshot, standard, tables
from cdmlib.errors import CdmError, listed
from cdmlib.journal import Act
from cdmlib.mart import Work
from cdmlib.snapshot import Ingest, Snapshot
from cdmlib.standard import literal, quote
from cdmlib.standing import FUNCTIONS, SCOPE, Signature, Standing, Unlock, in_words
from cdmlib.study import Study

WAY_BACK = ("source", "dataset", "source_row")  # where a value stood in its file is not the value
DIFFERENCES = ("table", "record_key", "subjid", "form", "field", "kind", "old", "new")
MOST_NAMED = 10


@dataclass(frozen=True)
class Frozen:
    """What a lock froze: its folder, and the manifest with the digest that is signed."""

    folder: Path
    manifest: dict

    @property
    def digest(self) -> str:
        return digests.of_json(self.manifest)

    def parquet(self, table: str) -> Path:
        return _parquet(self.folder, table)


@dataclass(frozen=True)
class Verified:
    """Whether a lock holds: where the study stands, its signatures, and every fault found."""

    standing: Standing
    signatures: tuple[tuple[Signature, str], ...]  # with what is wrong with it, empty when it holds
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.faults


def frozen(study: Study, lock: str = "") -> Frozen:
    """What a lock froze; the newest lock when not given. Raises CdmError when there is none or its manifest can't be read."""
    lock = lock or journal.stands(study).lock
    folder = study.folder / "locks" / lock
    if not lock or not folder.is_dir():
        raise CdmError(f"Study {study.id} has no frozen set {lock or 'yet'}. `cdm lock {study.id} soft` makes one.")
    try:
        return Frozen(folder, json.loads((folder / "manifest.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CdmError(f"{folder / 'manifest.json'} can't be read: {error}. Restore it from a copy.") from None


def soft(study: Study, actor: str, role: str, reason: str = "") -> Frozen:
    """Freeze the tables of the published results as they are and soft lock the study.

    After an unlock they may differ from those before only within its scope; the differences are written beside them.
    Raises CdmError otherwise, while the lock checklist blocks, and when an extract came after the published results.
    """
    before = journal.stands(study)
    if blocking := readiness.blocking(study, "soft", _now()[:10]):
        raise CdmError(listed(blocking, f"Study {study.id} can't be soft locked; the checklist says:"))
    lock = f"L{before.locks + 1:03d}"
    folder = study.folder / "locks" / lock
    folder.parent.mkdir(exist_ok=True)
    if folder.exists():  # a lock that was never entered in the journal: the attempt was cut off
        shutil.rmtree(folder)
    with mart.open_published(study) as con, snapshot.building(folder) as working:
        _refuse_stale(study, con)
        manifest = _freeze(study, con, lock, before, working)
        changed = pd.DataFrame(columns=list(DIFFERENCES))
        if before.lock:
            now = {name: (_reading(working, name), facts["columns"]) for name, facts in manifest["tables"].items()}
            with duckdb.connect(config={"threads": 1}) as files:
                changed = differences(files, now, frozen(study, before.lock))
        if before.state == "unlocked" and (outside := _outside(changed, before.unlock)):
            raise CdmError(listed(outside, f"{before.unlock.id} allows changes of {in_words(before.unlock.scope)}; these are outside:"))
        changed.to_csv(working / "differences.csv", index=False, lineterminator="\n")
        manifest["differences"] = digests.of_file(working / "differences.csv")
        mart.replace(working / "manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    made = Frozen(folder, manifest)
    try:
        journal.append(study, actor, role, [Act("lock.soft", lock, old=before.state, new=made.digest, reason=reason)])
    except BaseException:
        shutil.rmtree(folder)
        raise
    return made


def sign(study: Study, person_id: str, password: str, function: str, meaning: str) -> Signature:
    """Sign what the soft lock froze, for a function (data management, clinical, biostatistics), with the password given again.

    Raises CdmError when the password is wrong, the frozen set is not as it was frozen, or the person may not sign.
    """
    who = people.person(study, person_id)
    people.check_password(study, who.id, password)
    stands = journal.stands(study)
    if faults := _faults(study, stands):
        raise CdmError(listed(list(faults), f"{stands.lock or 'Nothing'} can't be signed:"))
    text = json.dumps({"digest": stands.digest, "name": who.name, "meaning": meaning.strip()}, ensure_ascii=False)
    journal.append(study, who.id, who.role, [Act("lock.sign", stands.lock, function, "", text)])
    return journal.stands(study).signatures[-1]


def final(study: Study, actor: str, role: str) -> Standing:
    """Lock the study. Raises CdmError unless all have signed, the frozen set is unchanged and the checklist is clear."""
    stands = journal.stands(study)
    if problems := [*_faults(study, stands), *readiness.blocking(study, "final", _now()[:10])]:
        raise CdmError(listed(problems, f"Study {study.id} can't be locked:"))
    journal.append(study, actor, role, [Act("lock.final", stands.lock, old=stands.state, new=stands.digest)])
    return journal.stands(study)


def reopen(study: Study, actor: str, role: str, reason: str) -> Standing:
    """Open a soft lock again; its signatures no longer count."""
    stands = journal.stands(study)
    journal.append(study, actor, role, [Act("lock.reopen", stands.lock, old=stands.state, new="open", reason=reason)])
    return journal.stands(study)


def ask_unlock(study: Study, actor: str, role: str, scope: dict[str, list[str]], days: float, reason: str) -> Unlock:
    """Ask to change part of a locked study for some days; two other people must approve.

    scope: subjects, forms (or standard tables) and fields that may change; one that is left out means all of them.
    """
    stands = journal.stands(study)
    known = _known(study) if stands.state == "locked" else {}
    if unknown := [f"{name} {value}" for name in known for value in scope.get(name, ()) if value.upper() not in known[name]]:
        raise CdmError(f"The locked tables have no {', '.join(unknown)}. Name what they have, as they write it.")
    expires = (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
    text = json.dumps({"scope": {name: list(scope.get(name, ())) for name in SCOPE}, "expires": expires}, ensure_ascii=False)
    request = Act("unlock.request", stands.lock, f"U{stands.unlocks + 1:03d}", "", text, reason)
    journal.append(study, actor, role, [request])
    return journal.stands(study).unlock


def decide_unlock(study: Study, person_id: str, password: str, unlock: str, approve: bool, reason: str = "") -> Standing:
    """Approve or refuse an unlock that somebody else asked for, with the password given again."""
    who = people.person(study, person_id)
    people.check_password(study, who.id, password)
    act = "unlock.approve" if approve else "unlock.refuse"
    journal.append(study, who.id, who.role, [Act(act, journal.stands(study).lock, unlock, reason=reason)])
    return journal.stands(study)


def verify(study: Study) -> Verified:
    """Whether the newest lock holds: the frozen files and digest, the signatures, and what came after them."""
    stands = journal.stands(study)
    if not stands.lock:
        return Verified(stands, (), (f"Study {study.id} was never locked.",))
    chain = journal.verify(study)
    faults = [*_faults(study, stands), *([] if chain.ok else [chain.said])]
    binding, signatures = stands.valid_signatures(), []
    roles = {person.id: person.role for person in study.people}
    for signature in stands.signatures:
        wrong = "" if signature in binding else "not of what is frozen, or by somebody who signed already"
        if not wrong and roles.get(signature.person) not in FUNCTIONS[signature.function]:
            wrong = f"{signature.person} is {roles.get(signature.person, 'no longer one of the people')} now"
        signatures.append((signature, wrong))
    if stands.state == "locked" and stands.missing():
        faults.append(f"{stands.lock} lacks a valid signature of {', '.join(stands.missing())}")
    if stands.expired(_now()):
        faults.append(f"unlock {stands.unlock.id} expired on {stands.unlock.expires}; the study was not locked anew")
    return Verified(stands, tuple(signatures), tuple(faults))


def ingest(study: Study, cutoff: str = "", confirm: str = "") -> Ingest:
    """Store an extract as a snapshot, as far as the study's lock allows.

    A locked study takes in nothing, an unlocked one only what changes its tables within the scope of the unlock; what is
    refused is kept word for word under late/ and the error says so.
    """
    return snapshot.ingest(study, cutoff, confirm, _within_scope(study))


def _within_scope(study: Study) -> Callable[[Snapshot], None]:
    def admit(candidate: Snapshot) -> None:
        stands = journal.stands(study)
        with mart.connected(candidate) as con:
            tables.build(Work(study, candidate, candidate.cutoff, "", Path(), con))
            now = {name: (name, columns) for name, columns in tables.collected(con).items()}
            changed = differences(con, now, frozen(study, stands.lock))
        if outside := _outside(changed, stands.unlock):
            heading = f"The extract changes more than {stands.unlock.id} allows ({in_words(stands.unlock.scope)}):"
            raise CdmError(listed(outside, heading))

    return admit


def differences(con: duckdb.DuckDBPyConnection, now: dict[str, tuple], before: Frozen) -> pd.DataFrame:
    """What differs in the clinical tables from those of a lock: table, record_key, subjid, form, field, kind, old, new.

    now: by table, what stands after FROM in `con` to read it, and its columns. kind: record added, record removed, value changed, table added, table removed, column added, column removed.
    """
    there = before.manifest["tables"]
    parts = []
    for name in (name for name in standard.domains() if name in now or name in there):
        if name not in now or name not in there:
            kind = "table added" if name in now else "table removed"
            parts.append(f"SELECT '{name}', NULL, NULL, NULL, NULL, '{kind}', NULL, NULL")
            continue
        (new, ours), old = now[name], _reading(before.folder, name)
        ours, theirs = set(ours), set(there[name]["columns"])
        for column in sorted(ours ^ theirs):
            kind = "column added" if column in ours else "column removed"
            parts.append(f"SELECT '{name}', NULL, NULL, NULL, {literal(column)}, '{kind}', NULL, NULL")
        cells = ", ".join(
            f"{{'field': {literal(c)}, 'old': CAST(o.{quote(c)} AS VARCHAR), 'new': CAST(n.{quote(c)} AS VARCHAR)}}"
            for c in sorted((ours & theirs) - {"record_key", *WAY_BACK})
        )
        parts.append(
            f"""SELECT '{name}', record_key, subjid, form, c.field, kind, c.old, c.new
                FROM (SELECT coalesce(n.record_key, o.record_key) AS record_key, coalesce(n.subjid, o.subjid) AS subjid, coalesce(n.form, o.form) AS form,
                             CASE WHEN o.record_key IS NULL THEN 'record added' WHEN n.record_key IS NULL THEN 'record removed' ELSE 'value changed' END AS kind,
                             CASE WHEN o.record_key IS NULL OR n.record_key IS NULL THEN [{{'field': NULL, 'old': NULL, 'new': NULL}}]
                                  ELSE list_filter([{cells}], lambda x: x.old IS DISTINCT FROM x.new) END AS cells
                      FROM {old} o FULL JOIN {new} n ON n.record_key = o.record_key), unnest(cells) AS u(c)"""
        )
    union = " UNION ALL ".join(parts) or "SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL WHERE false"
    order = ", ".join(f"{quote(name)} NULLS FIRST" for name in DIFFERENCES)
    return con.execute(f"SELECT * FROM ({union}) d({', '.join(quote(n) for n in DIFFERENCES)}) ORDER BY {order}").df()


def _parquet(folder: Path, table: str) -> Path:
    return folder / "data" / f"{table}.parquet"


def _reading(folder: Path, table: str) -> str:
    return f"read_parquet({literal(str(_parquet(folder, table)))})"


def _outside(changed: pd.DataFrame, unlock: Unlock) -> list[str]:
    """The differences that an unlock does not allow, in words; the first ones and how many more."""
    allowed = {name: {value.upper() for value in unlock.scope[name]} for name in SCOPE}
    sources = {(table, c.name): c.source for table, columns in standard.tables().items() for c in columns}
    said = []
    for row in changed.astype(object).where(changed.notna(), None).itertuples():
        field_ok = not allowed["fields"] or (
            row.field and allowed["fields"] & {row.field.upper(), (sources.get((row.table, row.field)) or "").upper()}
        )
        form_ok = not allowed["forms"] or allowed["forms"] & {row.table.upper(), (row.form or "").upper()}
        subject_ok = not allowed["subjects"] or (row.subjid or "").upper() in allowed["subjects"]
        if not (field_ok and form_ok and subject_ok):
            what = f"{row.old or '(blank)'} → {row.new or '(blank)'}" if row.kind == "value changed" else ""
            said.append(" ".join(part for part in (row.table, row.subjid, row.record_key, row.field, row.kind, what) if part))
    more = len(said) - MOST_NAMED
    return said if more <= 0 else [*said[:MOST_NAMED], f"and {more} more"]


def _freeze(study: Study, con: duckdb.DuckDBPyConnection, lock: str, before: Standing, working: Path) -> dict:
    """Write every table of the results as Parquet below `working`; returns the manifest."""
    (working / "data").mkdir()
    run, as_of, snapshot_id = con.execute("SELECT run, as_of, snapshot FROM runs").fetchone()
    names = [row[0] for row in con.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'main' AND NOT temporary ORDER BY table_name").fetchall()]
    facts = {}
    with duckdb.connect(config={"threads": 1}) as writer:  # results are opened without access to files
        for name in names:
            path = _parquet(working, name)
            held = con.execute(f"SELECT * FROM {quote(name)} ORDER BY ALL").to_arrow_table()
            writer.execute(f"COPY (SELECT * FROM held) TO {literal(str(path))} (FORMAT parquet, COMPRESSION zstd)")
            facts[name] = {
                "rows": held.num_rows,
                "columns": held.column_names,
                "digest": digests.of_table(con, quote(name)),
                "sha256": digests.of_file(path),
            }
    return {
        "study": study.id,
        "title": study.study.title,
        "lock": lock,
        "after": before.lock,
        "unlock": before.unlock.id if before.state == "unlocked" else "",
        "run": run,
        "as_of": as_of,
        "snapshot": snapshot_id,
        "locked_at": _now(),
        "tables": facts,
    }


def _refuse_stale(study: Study, con: duckdb.DuckDBPyConnection) -> None:
    stored = con.execute("SELECT snapshot FROM runs").fetchone()[0]
    newest = snapshot.find(study)
    if newest.id != stored:
        raise CdmError(f"The published results are of snapshot {stored}, but {newest.id} came since. Run `cdm weekly {study.id}` first.")


def _faults(study: Study, stands: Standing) -> tuple[str, ...]:
    """What is wrong with the frozen set of a lock: files, digests, and whether an extract came after it."""
    if not stands.lock:
        return ("nothing is frozen yet",)
    try:
        held = frozen(study, stands.lock)
    except CdmError as error:
        return (str(error),)
    faults = []
    if held.digest != stands.digest:
        faults.append(f"manifest.json of {stands.lock} is not the one that was frozen: its digest is {held.digest[:12]}, not {stands.digest[:12]}")
    for name, facts in held.manifest["tables"].items():
        path = held.parquet(name)
        if not path.exists():
            faults.append(f"{path.name} of {stands.lock} is missing")
        elif digests.of_file(path) != facts["sha256"]:
            faults.append(f"{path.name} of {stands.lock} was changed after it was frozen")
        elif digests.of_parquet(path) != facts["digest"]:
            faults.append(f"{path.name} of {stands.lock} does not hold what was frozen")
    if not (held.folder / "differences.csv").exists() or digests.of_file(held.folder / "differences.csv") != held.manifest["differences"]:
        faults.append(f"differences.csv of {stands.lock} is not the one that was frozen with it")
    known = {"manifest.json", "differences.csv", *(f"data/{name}.parquet" for name in held.manifest["tables"])}
    extra = sorted(path.relative_to(held.folder).as_posix() for path in held.folder.rglob("*") if path.is_file())
    faults += [f"{name} of {stands.lock} was not frozen with it" for name in extra if name not in known]
    newest = snapshot.find(study)
    if stands.state in ("soft locked", "locked") and newest.id != held.manifest["snapshot"]:
        faults.append(f"snapshot {newest.id} came after {stands.lock}, which froze {held.manifest['snapshot']}")
    return tuple(faults)


def _known(study: Study) -> dict[str, set[str]]:
    """Subjects, forms and fields of the locked tables, in capitals."""
    held = frozen(study)
    known: dict[str, set[str]] = {name: set() for name in SCOPE}
    with duckdb.connect() as con:
        for name, facts in held.manifest["tables"].items():
            if name in standard.domains():
                found = con.execute(f"SELECT DISTINCT subjid, form FROM {_reading(held.folder, name)}").fetchall()
                known["subjects"] |= {subject.upper() for subject, _ in found if subject}
                known["forms"] |= {name.upper(), *(form.upper() for _, form in found if form)}
                known["fields"] |= {column.upper() for column in facts["columns"]}
    return known


def signature_page(study: Study, verified: Verified) -> list[dict[str, str]]:
    """The signatures as every rendering must show them: function, name, role, UTC time, meaning, digest, and whether they hold."""
    roles = {person.id: person.role for person in study.people}
    return [
        asdict(s) | {"role": roles.get(s.person, ""), "holds": "yes" if not wrong else f"no: {wrong}"}
        for s, wrong in verified.signatures
    ]


def signatures(study: Study, verified: Verified) -> pd.DataFrame:
    """The signatures under a lock as a table; the columns are those of `signature_page`."""
    return pd.DataFrame(signature_page(study, verified))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
