"""Run checks on a study's tables. Each ends in one of four ways: n findings, clean, not run with the reason, or error."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pandas as pd

from cdmlib import cases, sqlfile, standard, tables
from cdmlib.errors import CdmError, listed
from cdmlib.mart import Work
from cdmlib.sqlfile import SqlFile
from cdmlib.standard import literal, quote
from cdmlib.study import Study

KEYS = ("siteid", "subjid", "visit", "form", "formrow")
FINDINGS = (
    "finding_id VARCHAR, check_id VARCHAR, title VARCHAR, severity VARCHAR, action VARCHAR, domain VARCHAR, siteid VARCHAR, subjid VARCHAR, "
    "visit VARCHAR, form VARCHAR, formrow VARCHAR, record_key VARCHAR, field VARCHAR, message VARCHAR, evidence JSON"
)
CHECK_RUNS = "check_id VARCHAR, title VARCHAR, domain VARCHAR, severity VARCHAR, action VARCHAR, outcome VARCHAR, n_findings BIGINT, reason VARCHAR, seconds DOUBLE"


@dataclass(frozen=True)
class Outcome:
    """How one check ended: outcome is findings, clean, not run or error; `reason` says why the last two."""

    check_id: str
    outcome: str
    n_findings: int
    reason: str
    seconds: float


def library(study: Study | None = None) -> list[SqlFile]:
    """Every check of the library and of the study's own checks/ folder, by id. Raises CdmError for an id used twice."""
    checks = sqlfile.read_folder(standard.SQL / "checks", "check")
    if study:
        own = sqlfile.read_folder(study.folder / "checks", "check")
        if clash := sorted({check.id for check in checks} & {check.id for check in own}):
            raise CdmError(
                f"{study.folder / 'checks'}: the ids {', '.join(clash)} belong to the library. Give the study's checks ids of their own."
            )
        checks += own
    return sorted(checks, key=lambda check: check.id)


def run(work: Work, only: Sequence[str] = ()) -> pd.DataFrame:
    """Run every check, or `only` some by id, and keep findings and outcomes in the work's database, tables findings and check_runs.

    Returns one row per check: check_id, title, domain, severity, action, outcome, n_findings, reason.
    """
    checks = library(work.study)
    refuse_unknown(work.study, checks)
    if unknown := set(only) - {check.id for check in checks}:
        raise CdmError(
            f"There is no check {', '.join(sorted(unknown))}; ids run from {checks[0].id} to {checks[-1].id}."
        )
    con = work.con
    con.execute(f"CREATE TABLE findings ({FINDINGS})")
    con.execute(f"CREATE TABLE check_runs ({CHECK_RUNS})")
    there = tables.collected(con)
    filled = _filled(con, there)
    rows = []
    for check in [check for check in checks if not only or check.id in only]:
        done = run_one(con, check, work.study, work.as_of, there)
        if done.outcome == "clean" and (nothing := not_collected(con, check, filled)):
            done = replace(done, outcome="not run", reason=nothing.replace("is not collected", "is empty in every record"))
        header = check.title, check.domain, check.header["severity"], check.header["action"]
        rows.append((done.check_id, *header, done.outcome, done.n_findings, done.reason, done.seconds))
    con.executemany("INSERT INTO check_runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    con.execute(  # a check that finds one record twice: its second finding gets an id of its own
        """UPDATE findings SET finding_id = left(md5(findings.finding_id || '|' || n.number), 16)
           FROM (SELECT rowid AS id, row_number() OVER (PARTITION BY finding_id ORDER BY message, CAST(evidence AS VARCHAR)) AS number FROM findings) n
           WHERE n.id = findings.rowid AND n.number > 1"""
    )
    return con.execute(
        "SELECT check_id, title, domain, severity, action, outcome, n_findings, reason FROM check_runs ORDER BY check_id"
    ).df()


def run_one(
    con: duckdb.DuckDBPyConnection, check: SqlFile, study: Study, as_of: str, there: dict[str, tuple[str, ...]]
) -> Outcome:
    """Run one check into the table findings of `con`; `there` says which tables and columns the study collects."""
    started = time.perf_counter()

    def ended(outcome: str, n: int = 0, reason: str = "") -> Outcome:
        return Outcome(check.id, outcome, n, reason, round(time.perf_counter() - started, 4))

    if check.id in study.off:
        return ended("not run", reason=f"switched off in study.toml: {study.off[check.id]}")
    sql = tables.with_optional(check, there)
    params = used_params(sql, {"as_of": as_of} | check.params | study.parameters.get(check.id, {}))
    try:
        if "items" in check.header and {"items", "fields"} <= there.keys():
            sql = f"WITH items AS NOT MATERIALIZED ({tables.items(con, there, check.header['items'])}) SELECT * FROM ({sql}\n)"
        found = con.execute(sql, params).to_arrow_table()
        insert = _insert(check, {field.name: str(field.type) for field in found.schema}, params, there)
        if n := found.num_rows:
            con.register("found", found)
            con.execute(insert)
            con.unregister("found")
    except duckdb.Error as error:
        cannot_bind = isinstance(error, duckdb.BinderException | duckdb.CatalogException)
        if cannot_bind and (missing := not_collected(con, check, there, str(error))):
            return ended("not run", reason=missing)
        return ended("error", reason=tables.reason(error))
    return ended("findings" if n else "clean", n)


def _filled(con: duckdb.DuckDBPyConnection, there: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """`there` without the columns a table should have and that are empty in every one of its records: a check of them says nothing when it is clean."""
    filled = dict(there)
    for name in standard.mapped():
        wanted = [c for c in standard.tables()[name] if c.role in ("required", "expected") and c.name in there.get(name, ())]
        values = [f"count(nullif({c.name}, ''))" if c.sql_type == "VARCHAR" else f"count({c.name})" for c in wanted]
        counts = con.execute(f"SELECT count(*), {', '.join(values)} FROM {name}").fetchone() if wanted else (0,)
        if counts[0]:
            empty = {c.name for c, n in zip(wanted, counts[1:], strict=True) if not n}
            filled[name] = tuple(column for column in there[name] if column not in empty)
    return filled


def used_params(sql: str, params: dict[str, float | str]) -> dict[str, float | str]:
    """Only those parameters that the SQL names; DuckDB refuses others."""
    return {name: value for name, value in params.items() if re.search(rf"\${name}\b", sql)}


def not_collected(
    con: duckdb.DuckDBPyConnection, file: SqlFile, there: dict[str, tuple[str, ...]], error: str = ""
) -> str:
    """Which tables and columns a SELECT needs that the study does not collect, in words; empty when it can run.

    error: what DuckDB said of it, which settles a column that one of its tables has and another has not.
    """
    named = con.get_table_names(re.sub(r"\$\w+", "NULL", file.sql))
    if made := sorted(name for name in named & set(standard.results()) if name not in there):
        return f"this run has no table {', '.join(made)}"
    used = named & set(standard.tables())
    absent = {name for name in used if name not in there} - set(file.optional)
    reasons = [f"table {name} is not collected" for name in sorted(absent)]
    words = set(re.findall(r"\w+", re.sub(r"--[^\n]*|'[^']*'", " ", file.sql).lower()))
    for table in sorted(used - absent - set(file.optional)):
        for column in standard.tables()[table]:
            if column.name not in words or column.name in there[table] or f"{table}.{column.name}" in file.optional:
                continue
            elsewhere = any(column.name in there.get(other, ()) for other in used - {table})
            if not _asked_of(file.sql, table, column.name):
                continue
            if not elsewhere or f'"{column.name}"' in error:
                reasons.append(f"column {table}.{column.name} is not collected")
    return "; ".join(reasons)


def _asked_of(sql: str, table: str, column: str) -> bool:
    """Whether a SELECT may want this column of this table: some mention of it is unqualified, or qualified by a name of the table."""
    names = {table, *re.findall(rf"\b(?:FROM|JOIN)\s+{table}\s+(?:AS\s+)?(\w+)", sql)}
    mentions = re.findall(rf"(?:(\w+)\.)?\b{column}\b", re.sub(r"--[^\n]*|'[^']*'|\bAS\s+\w+", " ", sql))
    return any(not qualifier or qualifier in names for qualifier in mentions)


def _insert(
    check: SqlFile, columns: dict[str, str], params: dict[str, float | str], there: dict[str, tuple[str, ...]]
) -> str:
    """One statement that writes what a check found, as the view `found`, with message, evidence and a stable id."""
    if "record_key" not in columns:
        raise duckdb.BinderException("the check must select record_key, the key of the record its finding is on")
    evidence = [
        name for name in columns if name not in (*KEYS, "record_key", "source", "dataset", "source_row", "as_of")
    ]
    looked_up = [key for key in KEYS if key not in columns] if check.domain in there and check.domain != "items" else []
    key = {name: f"f.{name}" if name in columns else f"d.{name}" if name in looked_up else "NULL" for name in KEYS}
    field = "f.field" if "field" in columns else "NULL"
    pieces, end = [], 0
    for place in sqlfile.PLACEHOLDER.finditer(check.message):
        name = place[1]
        pieces.append(literal(check.message[end : place.start()]))
        if name in columns:
            pieces.append(f"coalesce({_shown(f'f.{quote(name)}', columns[name])}, '(blank)')")
        elif name in params:
            pieces.append(literal(f"{params[name]:g}" if isinstance(params[name], float) else str(params[name])))
        elif name in looked_up:
            pieces.append(f"coalesce(d.{name}, '(blank)')")
        else:
            raise duckdb.BinderException(f"{{{name}}} in the message is neither a selected column nor a parameter")
        end = place.end()
    pieces.append(literal(check.message[end:]))
    packed = ", ".join(f"{quote(name)} := {_shown(f'f.{quote(name)}', columns[name])}" for name in evidence)
    join = (
        f"LEFT JOIN (SELECT record_key, {', '.join(looked_up)} FROM main.{check.domain}) d ON d.record_key = f.record_key"
        if looked_up
        else ""
    )
    texts = ", ".join(
        literal(text)
        for text in (check.id, check.title, check.header["severity"], check.header["action"], check.domain)
    )
    return f"""INSERT INTO findings
        SELECT left(md5(concat_ws('|', {literal(check.id)}, f.record_key, {field})), 16), {texts}, {", ".join(key.values())},
               f.record_key, {field}, {" || ".join(pieces)}, {f"to_json(struct_pack({packed}))" if packed else "'{}'"}
        FROM found f {join} ORDER BY {key["siteid"]}, {key["subjid"]}, f.record_key"""


def _shown(expression: str, sql_type: str) -> str:
    """A value as a person writes it: 63 rather than 63.0."""
    if sql_type in ("double", "float"):
        return f"CASE WHEN {expression} = trunc({expression}) AND abs({expression}) < 1e15 THEN CAST(CAST({expression} AS BIGINT) AS VARCHAR) ELSE CAST({expression} AS VARCHAR) END"
    return expression if sql_type == "string" else f"CAST({expression} AS VARCHAR)"


def refuse_unknown(study: Study | None, checks: list[SqlFile]) -> None:
    """Parameters and switches of study.toml must name checks and parameters that exist."""
    if not study:
        return
    by_id = {check.id: check for check in checks}
    problems = [f"off.{id_}: there is no check {id_}" for id_ in study.off if id_ not in by_id]
    by_id |= {measure.id: measure for measure in sqlfile.read_folder(standard.SQL / "measures", "measure")}
    by_id |= {criterion.id: criterion for criterion in sqlfile.read_folder(standard.SQL / "readiness", "criterion")}
    for id_, params in study.parameters.items():
        if id_ not in by_id:
            problems.append(f"parameters.{id_}: there is no check, measure or criterion {id_}")
            continue
        known = by_id[id_].params
        problems += [
            f"parameters.{id_}.{name}: {id_} has {', '.join(known) or 'no parameters'}"
            for name in params
            if name not in known
        ]
    if problems:
        raise CdmError(listed(problems, f"{study.folder / 'study.toml'}:"))


def run_cases(study: Study | None = None) -> list[tuple[SqlFile, list[cases.CaseResult], str]]:
    """Every check with the results of its cases, and why they could not be run (empty when they could)."""
    columns, results = tables.all_columns(study), []
    con = standard.empty_database(columns)
    for check in library(study):
        try:
            results.append((check, cases.run(check, con, columns), ""))
        except (CdmError, duckdb.Error) as error:
            results.append((check, [], str(error)))
    return results


SKELETON = """/*
title:    {title}
severity: major
action:   query
message:  {{{column}}} … Please check the source and correct, or confirm that it is right.

Say here what the check does not catch.
*/
SELECT record_key, siteid, subjid, visit, {column}
FROM   {domain}
WHERE  {column} IS NULL  -- the rows that are wrong
"""
SKELETON_CASES = """| {domain}.record_key | {column} | finding | because |
|---|---|---|---|
| 1 | | yes | value missing |
| 2 | some value | | value there |
"""


def new(check_id: str, title: str, domain: str, folder: Path) -> Path:
    """Write a new check with its case table, both ready to run, below `folder`; returns the SQL file.

    Raises CdmError for an id that is taken or badly formed and for a domain that is not a standard table.
    """
    if not re.fullmatch(r"[A-Z]{2,4}\d{3}", check_id):
        raise CdmError(
            f"{check_id!r} can't be a check id: it must be two to four capitals and three figures, such as AE101."
        )
    if domain not in standard.tables() or domain in standard.SUPPORT[1:] + standard.REFERENCE:
        raise CdmError(
            f"{domain!r} is not a standard table; there are {', '.join(standard.domains() + standard.DERIVED)}."
        )
    slug = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    path = folder / domain / f"{check_id}_{slug}.sql"
    taken = [check.path for check in (*library(), *sqlfile.read_folder(folder, "check")) if check.id == check_id]
    if taken or path.exists():
        raise CdmError(f"The id {check_id} is already used by {(taken or [path])[0]}. Ids are never reused.")
    column = next(c.name for c in standard.tables()[domain] if c.role != "key")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SKELETON.format(title=title, domain=domain, column=column), encoding="utf-8")
    path.with_suffix(".md").write_text(SKELETON_CASES.format(domain=domain, column=column), encoding="utf-8")
    return path
