"""What stands between a study and its lock: criteria per subject, visit and page, whose action each is, and the checklist."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from datetime import date
from functools import cache

import duckdb
import pandas as pd

from cdmlib import checks, journal, mart, people, sqlfile, standard, tables
from cdmlib.errors import CdmError
from cdmlib.journal import Act
from cdmlib.mart import Work
from cdmlib.sqlfile import SqlFile
from cdmlib.study import Study

BLOCKERS = (
    "criterion VARCHAR, title VARCHAR, siteid VARCHAR, subjid VARCHAR, visit VARCHAR, form VARCHAR, formrow VARCHAR, "
    "record_key VARCHAR, what VARCHAR, owner VARCHAR"
)
CRITERIA = (
    "criterion VARCHAR, title VARCHAR, owner VARCHAR, lines VARCHAR, clean BOOLEAN, outcome VARCHAR, reason VARCHAR, "
    "blockers BIGINT, definition VARCHAR, version VARCHAR"
)
READINESS = (
    "level VARCHAR, siteid VARCHAR, subjid VARCHAR, visit VARCHAR, form VARCHAR, criterion VARCHAR, title VARCHAR, "
    "ready BOOLEAN, status VARCHAR, blockers BIGINT, owner VARCHAR, version VARCHAR"
)
CHECKLIST = (
    "line INTEGER, title VARCHAR, kind VARCHAR, stage VARCHAR, status VARCHAR, numerator BIGINT, denominator BIGINT, "
    "blockers BIGINT, owner VARCHAR, evidence VARCHAR"
)
GIVEN = ("siteid", "subjid", "visit", "form", "formrow", "record_key", "what", "owner")
CLEAN = "all"  # the criterion that says whether all those of a clean subject are met
DONE = ("done", "attested", "waived")
SIGN_OFF = 34


@dataclass(frozen=True)
class Line:
    """One line of the lock checklist as the library has it; `roles` may attest it, `on_data` makes it outdated by new data."""

    number: int
    title: str
    kind: str  # computed, attested, signed
    stage: str  # soft: before the soft lock; final: before the lock
    roles: tuple[str, ...]
    on_data: bool


@cache
def lines() -> tuple[Line, ...]:
    """The lock checklist."""
    with (standard.SQL / "lock_checklist.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            Line(
                int(row["line"]), row["title"], row["kind"], row["stage"], tuple(filter(None, row["roles"].split("|"))),
                row["on_data"] == "Y",
            )
            for row in csv.DictReader(file)
        )  # fmt: skip


def library() -> list[SqlFile]:
    """Every criterion, by id. A criterion's SELECT gives one row per thing that blocks; no row means that it is met.

    A row with a text in the column not_run says why the criterion can't be worked out; it is then not run, whatever else it gives.
    `listing:` in the header names a kind of issue that the study's table file edc_issues must have.
    """
    return sqlfile.read_folder(standard.SQL / "readiness", "criterion")


def run(work: Work) -> pd.DataFrame:
    """Work out what blocks the study and keep it in the tables criteria, blockers, readiness and lock_checklist.

    readiness has a row per subject and criterion, one per subject and `all` (is the subject clean), and one per visit and
    page that a criterion of the clean list blocks. Returns criteria: criterion, title, outcome (met, blocked, not run,
    off), blockers, owner, reason. Raises CdmError for a criterion in study.toml that does not exist.
    """
    con, study = work.con, work.study
    there = tables.collected(con)
    _refuse_unknown(study)
    for name, columns in (("criteria", CRITERIA), ("blockers", BLOCKERS), ("readiness", READINESS), ("lock_checklist", CHECKLIST)):
        con.execute(f"CREATE OR REPLACE TABLE {name} ({columns})")
    for criterion in library():
        outcome, reason, n = _run_one(con, criterion, study, work.as_of, there)
        con.execute(
            "INSERT INTO criteria VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                criterion.id, criterion.title, criterion.header["owner"], criterion.header["lines"], is_clean(study, criterion),
                outcome, reason, n, _definition(criterion, study), study.readiness.version,
            ],
        )  # fmt: skip
    _fill_readiness(con, _waivers(study, work.as_of))
    found = _checklist(con, study, work.snapshot.id, work.as_of).astype(object)
    con.executemany(f"INSERT INTO lock_checklist VALUES ({', '.join('?' * len(found.columns))})", found.values.tolist())
    return con.execute("SELECT criterion, title, outcome, blockers, owner, reason FROM criteria ORDER BY criterion").df()


def is_clean(study: Study, criterion: SqlFile) -> bool:
    """Whether a clean subject must meet this criterion."""
    chosen = study.readiness.clean
    wanted = criterion.id in chosen if chosen else criterion.header.get("clean") == "yes"
    return wanted and criterion.id not in study.readiness.off


def checklist(study: Study, on: str = "") -> pd.DataFrame:
    """The lock checklist as it stands: the published results and what people attested and waived up to now.

    on: the day on which waivers must still hold (YYYY-MM-DD); the cut-off date of the results when empty.
    Columns: line, title, kind, stage, status (done, open, not run, attested, waived, signed), numerator, denominator,
    blockers, owner, evidence.
    """
    with mart.open_published(study) as con:
        if "criteria" not in tables.collected(con):
            raise CdmError(f"The published results of {study.id} have no checklist. Run `cdm weekly {study.id}`.")
        as_of, snapshot = con.execute("SELECT as_of, snapshot FROM runs").fetchone()
        return _checklist(con, study, snapshot, max(on, as_of))


def blocking(study: Study, stage: str, on: str = "") -> list[str]:
    """What the checklist holds against a soft lock (stage `soft`) or the lock (stage `final`), a line each; empty when nothing."""
    rows = checklist(study, on)
    return [
        f"line {row.line}, {row.title}: {row.evidence}"
        for row in rows.itertuples()
        if row.line != SIGN_OFF and row.status not in DONE and (stage == "final" or row.stage == "soft")
    ]


def show_checklist(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The lock checklist of published results: line, title, status, numerator, denominator, blockers, owner, evidence."""
    return con.execute(
        "SELECT line, title, kind, status, numerator, denominator, blockers, owner, evidence FROM lock_checklist ORDER BY line"
    ).df()


def show_criteria(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """What blocks, one row per criterion and owner: criterion, title, clean, outcome, owner, blockers, subjects, why not run."""
    return con.execute(
        """SELECT c.criterion, c.title, CASE WHEN c.clean THEN 'clean' ELSE '' END AS clean, c.outcome, coalesce(b.owner, c.owner) AS owner,
                  count(b.criterion) AS blockers, count(DISTINCT b.subjid) AS subjects, c.reason
           FROM   criteria c LEFT JOIN blockers b USING (criterion)
           GROUP BY c.criterion, c.title, c.clean, c.outcome, coalesce(b.owner, c.owner), c.reason ORDER BY c.criterion, owner"""
    ).df()


def show_sites(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Clean subjects per site, of all subjects, with what keeps the others: site, clean, subjects, blockers by owner."""
    return con.execute(
        """WITH one AS (SELECT coalesce(siteid, '(none)') AS site, subjid, ready, blockers, status FROM readiness WHERE level = 'subject' AND criterion = 'all')
           SELECT site, count(CASE WHEN ready THEN 1 END) AS clean, count(*) AS subjects,
                  round(100.0 * count(CASE WHEN ready THEN 1 END) / count(*), 1) AS "% clean", count(CASE WHEN status = 'not run' THEN 1 END) AS "not known",
                  CAST(sum(blockers) AS BIGINT) AS blockers
           FROM (SELECT * FROM one UNION ALL SELECT 'all sites', subjid, ready, blockers, status FROM one)
           GROUP BY site ORDER BY site = 'all sites' DESC, site"""
    ).df()


def show_nearest(con: duckdb.DuckDBPyConnection, rows: int = 30) -> pd.DataFrame:
    """Subjects that are not clean, those with the fewest things to clear first: site, subject, blockers, owner, what blocks."""
    return con.execute(
        """SELECT r.siteid AS site, r.subjid AS subject, r.blockers, r.owner, string_agg(DISTINCT b.criterion || ' ' || b.title, '; ' ORDER BY b.criterion || ' ' || b.title) AS "blocked by"
           FROM   readiness r LEFT JOIN blockers b ON b.subjid = r.subjid AND b.criterion IN (SELECT criterion FROM criteria WHERE clean)
           WHERE  r.level = 'subject' AND r.criterion = 'all' AND NOT r.ready
           GROUP BY r.siteid, r.subjid, r.blockers, r.owner ORDER BY r.blockers, site, subject LIMIT $rows""",
        {"rows": rows},
    ).df()


def show_definitions(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """What each criterion means, with the version of the study's list: criterion, title, lines, definition, version."""
    return con.execute("SELECT criterion, title, lines, definition, version FROM criteria ORDER BY criterion").df()


def attest(study: Study, number: int, meaning: str, actor: str = "") -> None:
    """Attest a line of the checklist, as the acting person (or `actor`, who has signed in), with what it means. Raises CdmError when they may not."""
    line = _line(number)
    actor, role = people.acting(study, "attest", actor)
    if line.kind != "attested":
        raise CdmError(f"Line {number}, {line.title}, is {line.kind} and can't be attested; it can be waived with a reason.")
    if role not in line.roles:
        raise CdmError(f"Line {number}, {line.title}, is attested by a {' or '.join(line.roles)}; {actor} is {role}.")
    if len(meaning.strip(" .-")) < 3:
        raise CdmError("An attestation must say what it means, in words.")
    with mart.open_published(study) as con:
        snapshot, run = con.execute("SELECT snapshot, run FROM runs").fetchone()
    before = journal.state(study, "attest").get((f"line {number}", ""))
    journal.append(study, actor, role, [Act("attest", f"line {number}", "", before.new if before else "", snapshot, meaning.strip())], run=run)


def waive(study: Study, what: str, until: str, reason: str, actor: str = "") -> None:
    """Waive a line of the checklist (`line 8`) or a criterion for a subject (`RD05 DE01-001`) up to and including a date.

    Raises CdmError for what does not exist, a date that is not one, and a reason that says nothing.
    """
    actor, role = people.acting(study, "waive", actor)
    subject = _waivable(study, what)
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", until) or not _is_date(until):
        raise CdmError(f"A waiver must end on a date written YYYY-MM-DD; given {until!r}.")
    if len(reason.strip(" .-")) < 3:
        raise CdmError("A reason must say why, in words.")
    before = journal.state(study, "waive").get((subject, "until"))
    journal.append(study, actor, role, [Act("waive", subject, "until", before.new if before else "", until, reason.strip())])


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


def _waivable(study: Study, what: str) -> str:
    word, _, rest = what.strip().partition(" ")
    if word.lower() == "line" and rest.strip().isdigit():
        if _line(int(rest)).kind == "signed":
            raise CdmError("The sign-off can't be waived.")
        return f"line {int(rest)}"
    if word.upper() not in {criterion.id for criterion in library()}:
        raise CdmError(f"{what!r} can't be waived: it must be `line N` or a criterion with a subject, such as RD05 001.")
    with mart.open_published(study) as con:
        if not con.execute("SELECT count(*) FROM subjects WHERE subjid = ?", [rest.strip()]).fetchone()[0]:
            raise CdmError(f"There is no subject {rest.strip()!r} in the published results.")
    return f"{word.upper()}|{rest.strip()}"


def _line(number: int) -> Line:
    found = next((line for line in lines() if line.number == number), None)
    if not found:
        raise CdmError(f"The lock checklist has lines 1 to {len(lines())}; given {number}.")
    return found


def _refuse_unknown(study: Study) -> None:
    known = {criterion.id for criterion in library()}
    if unknown := sorted({*study.readiness.clean, *study.readiness.off} - known):
        raise CdmError(f"study.toml: readiness: there is no criterion {', '.join(unknown)}; there are {', '.join(sorted(known))}.")


def _definition(criterion: SqlFile, study: Study) -> str:
    given = criterion.params | study.parameters.get(criterion.id, {})
    said = ", ".join(f"{name} = {value}" for name, value in given.items())
    return " ".join(criterion.note.split()) + (f" ({said})" if said else "")


def _run_one(con: duckdb.DuckDBPyConnection, criterion: SqlFile, study: Study, as_of: str, there: dict) -> tuple[str, str, int]:
    """Put a criterion's rows into blockers; how it ended, why it was not run, and how many rows there are."""
    if criterion.id in study.readiness.off:
        return "off", f"switched off in study.toml: {study.readiness.off[criterion.id]}", 0
    issues = study.folder / "tables" / "edc_issues.sql"
    if (kind := criterion.header.get("listing")) and issues.exists() and standard.literal(kind) not in issues.read_text(encoding="utf-8"):
        return "not run", f"tables/edc_issues.sql has no listing of the kind {kind}", 0
    sql = tables.with_optional(criterion, there)
    params = checks.used_params(sql, {"as_of": as_of} | criterion.params | study.parameters.get(criterion.id, {}))
    try:
        columns = tables.columns_of(con, sql, params)
        if "not_run" in columns:
            told = con.execute(f"SELECT DISTINCT not_run FROM ({sql}\n) WHERE not_run IS NOT NULL ORDER BY not_run", params).fetchall()
            if told:
                return "not run", "; ".join(why for (why,) in told), 0
        own = {name: f"CAST({name} AS VARCHAR)" if name in columns else "NULL" for name in GIVEN}
        own["owner"] = f"coalesce({own['owner']}, $owner)"
        con.execute(
            f"INSERT INTO blockers SELECT $id, $title, {', '.join(own.values())} FROM ({sql}\n) ORDER BY ALL",
            params | {"id": criterion.id, "title": criterion.title, "owner": criterion.header["owner"]},
        )
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        missing = re.search(r"Table with name (\w+) does not exist", str(error))
        why = f"there is no table {missing[1]}" if missing and missing[1] not in standard.tables() else ""
        return "not run", why or checks.not_collected(con, criterion, there, str(error)) or tables.reason(error), 0
    n = con.execute("SELECT count(*) FROM blockers WHERE criterion = ?", [criterion.id]).fetchone()[0]
    return ("blocked" if n else "met"), "", n


def _waivers(study: Study, on: str) -> dict[str, journal.Entry]:
    """The waivers that hold on a day, by what they waive; a waiver holds up to and including its date."""
    return {subject: entry for (subject, _), entry in journal.state(study, "waive").items() if entry.new >= on}


def _fill_readiness(con: duckdb.DuckDBPyConnection, waivers: dict[str, journal.Entry]) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE waived (criterion VARCHAR, subjid VARCHAR)")
    for what in waivers:
        if "|" in what:
            con.execute("INSERT INTO waived VALUES (?, ?)", what.split("|", 1))
    con.execute(
        """INSERT INTO readiness
           WITH each AS (
               SELECT s.siteid, s.subjid, c.criterion, c.title, c.clean, c.version, c.owner, c.outcome, count(b.criterion) AS blockers,
                      string_agg(DISTINCT b.owner, ', ' ORDER BY b.owner) AS owners, w.criterion IS NOT NULL AS waived
               FROM   subjects s CROSS JOIN criteria c
               LEFT JOIN blockers b ON b.criterion = c.criterion AND b.subjid = s.subjid
               LEFT JOIN waived w ON w.criterion = c.criterion AND w.subjid = s.subjid
               WHERE  c.outcome <> 'off'
               GROUP BY s.siteid, s.subjid, c.criterion, c.title, c.clean, c.version, c.owner, c.outcome, w.criterion),
           told AS (
               SELECT *, CASE WHEN waived THEN 'waived' WHEN outcome = 'not run' THEN 'not run' WHEN blockers > 0 THEN 'blocked' ELSE 'ready' END AS status FROM each)
           SELECT 'subject', siteid, subjid, NULL, NULL, criterion, title, status IN ('ready', 'waived'), status, blockers,
                  CASE WHEN status = 'blocked' THEN owners WHEN status = 'not run' THEN owner END, version
           FROM   told
           UNION ALL
           SELECT 'subject', siteid, subjid, NULL, NULL, 'all', 'Clean subject', bool_and(status IN ('ready', 'waived')),
                  CASE WHEN bool_and(status IN ('ready', 'waived')) THEN 'ready' WHEN bool_or(status = 'blocked') THEN 'blocked' ELSE 'not run' END,
                  CAST(sum(CASE WHEN status = 'blocked' THEN blockers ELSE 0 END) AS BIGINT),
                  string_agg(DISTINCT CASE WHEN status = 'blocked' THEN owners END, ', ' ORDER BY CASE WHEN status = 'blocked' THEN owners END), version
           FROM   told WHERE clean GROUP BY siteid, subjid, version
           UNION ALL
           SELECT CASE WHEN b.form IS NULL THEN 'visit' ELSE 'page' END, b.siteid, b.subjid, b.visit, b.form, b.criterion, b.title, false, 'blocked', count(*),
                  string_agg(DISTINCT b.owner, ', ' ORDER BY b.owner), c.version
           FROM   blockers b JOIN criteria c USING (criterion)
           WHERE  c.clean AND b.subjid IS NOT NULL AND b.visit IS NOT NULL
           GROUP BY b.siteid, b.subjid, b.visit, b.form, b.criterion, b.title, c.version
           ORDER BY ALL"""
    )
    con.execute("DROP TABLE waived")


def _checklist(con: duckdb.DuckDBPyConnection, study: Study, snapshot: str, on: str) -> pd.DataFrame:
    attested = {subject: entry for (subject, _), entry in journal.state(study, "attest").items()}
    waivers, stands = _waivers(study, on), journal.stands(study)
    names = {person.id: person.name for person in study.people}
    rows = []
    for line in lines():
        entry, waiver = attested.get(f"line {line.number}"), waivers.get(f"line {line.number}")
        if line.kind == "computed":
            status, numerator, denominator, blockers, owner, evidence = _computed(con, line, waivers)
        elif line.kind == "signed":
            signed = stands.valid_signatures()
            status = "signed" if stands.lock and not stands.missing() else "open"
            numerator, denominator, blockers, owner = len(signed), 3, 3 - len(signed), "lead"
            evidence = "; ".join(f"{s.name} for {s.function}, {s.utc[:16]} UTC" for s in signed) or "nobody has signed"
        else:
            said = f"{names.get(entry.actor, entry.actor)} ({entry.role}) on {entry.utc[:10]}: {entry.reason}" if entry else ""
            outdated = entry and line.on_data and entry.new != snapshot
            status = "attested" if entry and not outdated else "open"
            numerator, denominator, blockers = int(status == "attested"), 1, int(status != "attested")
            owner = " or ".join(line.roles)
            evidence = f"attested on earlier data ({entry.new}) by {said}" if outdated else said or f"to be attested by a {owner}"
        if waiver and status not in DONE and line.kind != "signed":
            status, evidence = "waived", f"waived until {waiver.new} by {names.get(waiver.actor, waiver.actor)}: {waiver.reason}; {evidence}"
        rows.append((line.number, line.title, line.kind, line.stage, status, numerator, denominator, blockers, owner, evidence))
    return pd.DataFrame(rows, columns=[part.split()[0] for part in CHECKLIST.split(", ")])


def _computed(con: duckdb.DuckDBPyConnection, line: Line, waivers: dict[str, journal.Entry]) -> tuple:
    """How a computed line stands: status, subjects without a blocker, all subjects, blockers, owner, evidence."""
    criteria = con.execute(
        "SELECT criterion, outcome, reason, owner FROM criteria WHERE list_contains(string_split(lines, ' '), $n) ORDER BY criterion", {"n": str(line.number)}
    ).fetchall()
    ids = [criterion for criterion, outcome, *_ in criteria if outcome != "off"]
    found = con.execute("SELECT criterion, subjid, owner FROM blockers WHERE list_contains($ids, criterion)", {"ids": ids}).fetchall()
    held = [(subject, owner) for criterion, subject, owner in found if f"{criterion}|{subject}" not in waivers]
    subjects = con.execute("SELECT count(*) FROM subjects").fetchone()[0]
    affected = len({subject for subject, _ in held if subject})
    owners = ", ".join(sorted({owner for _, owner in held}))
    not_run = [f"{criterion} not run: {reason}" for criterion, outcome, reason, _ in criteria if outcome == "not run"]
    off = [f"{criterion} {reason}" for criterion, outcome, reason, _ in criteria if outcome == "off"]
    if not_run or not criteria:
        status, evidence = "not run", "; ".join(not_run) or "nothing computes this line"
    elif held:
        status, evidence = "open", f"{len(held)} to clear ({owners})" + (f", {affected} of {subjects} subjects" if affected else "")
    else:
        status, evidence = "done", "; ".join(off) or f"nothing to clear, {subjects} subjects"
    return status, subjects - affected, subjects, len(held), owners or ", ".join(sorted({c[3] for c in criteria})), evidence
