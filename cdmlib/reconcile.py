"""Hold two sources against each other: pair their records one to one, and say what agrees, differs or is on one side only."""

from __future__ import annotations

import json
import time
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb
import pandas as pd
from pydantic import ValidationError

from cdmlib import checks, sqlfile, standard, tables
from cdmlib.errors import CdmError, listed
from cdmlib.mart import Work
from cdmlib.standard import literal, quote
from cdmlib.study import Compared, Reconciliation, Side, Study, line_of

CONTENT = standard.SQL / "reconciliations"
RESULTS = ("matched", "mismatch", "only left", "only right", "ambiguous", "collision", "unknown subject")
REACH = 30  # days between two dates, from which they are no evidence at all that two records are one
ISO = r"'\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d)?)?)?)?'"


class NotRun(Exception):
    """Why a reconciliation can't be run on what the study collects, in words."""


@dataclass(frozen=True)
class Source:
    """One side made ready: the SELECT of its records, and the columns that it could have and that it has."""

    side: Side
    name: str  # left or right
    sql: str
    params: dict[str, float | str]
    known: tuple[str, ...]
    there: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """One reconciliation with everything that its declaration leaves to the ready-made one or to defaults filled in."""

    name: str
    declared: Reconciliation
    left: Source
    right: Source
    fields: dict[str, Compared]
    left_out: tuple[str, ...]  # fields that are not compared, each with the reason

    @property
    def keys(self) -> list[str]:
        return [name for name, field in self.fields.items() if field.pair == "key"]

    @property
    def evidence(self) -> list[str]:
        return [name for name, field in self.fields.items() if field.pair == "evidence"]

    @property
    def asked(self) -> list[str]:
        return [name for name, field in self.fields.items() if field.must != "nothing"]


def ready_made() -> dict[str, Path]:
    """The reconciliations that a study can use, by name."""
    return {path.stem: path for path in sorted(CONTENT.glob("*.toml"))}


@cache
def _ready(path: Path) -> Reconciliation:
    try:
        return Reconciliation(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise CdmError(f"{path}: {error}") from None


def declared(study: Study) -> dict[str, Reconciliation]:
    """The study's reconciliations, each over the ready-made one that it uses. Raises CdmError for one that there is not."""
    found = {}
    for name, own in study.reconciliations.items():
        if own.use and own.use not in ready_made():
            place = line_of(study, "reconciliations", name, "use")
            raise CdmError(
                f"{study.folder / 'study.toml'}: {place}reconciliations.{name}.use: there is no ready-made reconciliation {own.use!r}; there are {', '.join(ready_made())}."
            )
        base = _ready(ready_made()[own.use]).model_dump(exclude_unset=True) if own.use else {}
        found[name] = Reconciliation(**_over(base, own.model_dump(exclude_unset=True)))
    return found


def _over(base: dict, own: dict) -> dict:
    """`base` with what `own` says differently, table by table."""
    return base | {
        key: _over(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
        for key, value in own.items()
    }


def build(work: Work) -> pd.DataFrame:
    """Run every reconciliation that study.toml declares, into the tables reconciliation and reconciliation_runs of the work's database.

    reconciliation has one row per field that differs, per record without a partner, per pair that is offered, per subject number that is
    not known or stands for two subjects, and per pair in which all agrees. Each reconciliation also has a table of its own,
    reconciliation_<name>: one row per pair or record with the values of both sources side by side (<field>_left, _right, _differs).
    Returns one row per reconciliation: recon, title, outcome, left_records, right_records, agree, differ, only_left, only_right, ambiguous,
    other (subjects not known), reason. Raises CdmError naming line and column of a mistake in a declaration.
    """
    con, all_ = work.con, declared(work.study)
    for name in ("reconciliation", "reconciliation_runs") if all_ else ():
        con.execute(f"CREATE TABLE {name} ({', '.join(f'{c.name} {c.sql_type}' for c in standard.tables()[name])})")
    for name, declaration in all_.items():
        started, outcome, why = time.perf_counter(), "done", ""
        if mistakes := _incomplete(declaration):
            raise CdmError(
                listed(
                    mistakes,
                    f"{work.study.folder / 'study.toml'}: {line_of(work.study, 'reconciliations', name)}reconciliations.{name}:",
                )
            )
        try:
            plan = prepare(work, name, declaration)
            counts = run(con, plan)
            why = "; ".join(plan.left_out)
        except NotRun as reason:
            outcome, why, counts = "not run", str(reason), [None] * 8
        row = [name, declaration.title or name, declaration.about, declaration.left.label, declaration.right.label, outcome, why, *counts]
        con.execute(
            f"INSERT INTO reconciliation_runs VALUES ({', '.join('?' * 16)})",
            [*row, round(time.perf_counter() - started, 3)],
        )
    return summary(con)


def summary(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """How each reconciliation ended, one row each; empty when the study declares none. `con`: of a work or of published results."""
    columns = "recon, title, outcome, left_records, right_records, agree, differ, only_left, only_right, ambiguous, other, reason"
    if "reconciliation_runs" not in tables.collected(con):
        return pd.DataFrame(columns=columns.split(", "))
    shown = ", ".join(
        f"CAST({c} AS VARCHAR) AS {c}" if c not in ("recon", "title", "outcome", "reason") else c
        for c in columns.split(", ")
    )
    return con.execute(f"SELECT {shown} FROM reconciliation_runs ORDER BY recon").df().fillna("")


def settle(work: Work) -> None:
    """Give each row of the table reconciliation its status: agreed, else what the review of its finding says, else Open."""
    if "reconciliation" not in tables.collected(work.con):
        return
    work.con.execute("UPDATE reconciliation SET status = CASE WHEN result = 'matched' THEN 'Agreed' ELSE 'Open' END")
    work.con.execute(
        """UPDATE reconciliation SET status = f.status FROM (
               SELECT record_key, max(CASE WHEN review_outdated THEN 'Review outdated' ELSE review_status END) AS status
               FROM   findings WHERE gone_on IS NULL AND domain = 'recon' AND review_status IS NOT NULL GROUP BY record_key) AS f
           WHERE f.record_key = reconciliation.record_key AND result <> 'matched'"""
    )


def to_settle(con: duckdb.DuckDBPyConnection, *results: str, rows: int = 200) -> pd.DataFrame:
    """What the reconciliations found, of these results only (all but matched when none is given), at most so many rows.

    `con`: published results. Columns: recon, siteid, subjid, visit, result, record, what, left_value, right_value, score, status.
    """
    if "reconciliation" not in tables.collected(con):
        return pd.DataFrame(
            columns=[
                "recon",
                "siteid",
                "subjid",
                "visit",
                "result",
                "record",
                "what",
                "left_value",
                "right_value",
                "score",
                "status",
            ]
        )
    if unknown := set(results) - set(RESULTS):
        raise CdmError(f"There is no result {', '.join(sorted(unknown))}; there are {', '.join(RESULTS)}.")
    wanted = ", ".join(map(literal, results or RESULTS[1:]))
    return con.execute(
        f"""SELECT recon, coalesce(siteid, '') AS siteid, coalesce(subjid, '') AS subjid, coalesce(visit, '') AS visit, result,
                   coalesce(record, '') AS record, coalesce(field_label, '') AS what, coalesce(left_value, '') AS left_value, coalesce(right_value, '') AS right_value,
                   coalesce(CAST(round(score, 2) AS VARCHAR), '') AS score, status
            FROM reconciliation WHERE result IN ({wanted}) ORDER BY recon, siteid, subjid, visit, record_key LIMIT {int(rows)}"""
    ).df()


# ── from the declaration to what can be run ─────────────────────────────────────────────────────────────────────


def _incomplete(declaration: Reconciliation) -> list[str]:
    """What a declaration must say and does not."""
    mistakes = []
    for name in ("left", "right"):
        side = getattr(declaration, name)
        mistakes += [
            f"{name}.{key} ({Side.model_fields[key].description}) is missing"
            for key in ("table", "label")
            if not getattr(side, key)
        ]
        if side.newest_by and not side.versions_of:
            mistakes.append(f"{name}.newest_by says what tells the latest version; versions_of must say of what")
    for name, field in declaration.fields.items():
        if field.must == "nothing" and field.pair == "no":
            continue
        mistakes += [
            f"fields.{name}.{key} ({Compared.model_fields[key].description}) is missing"
            for key in ("left", "right")
            if not getattr(field, key)
        ]
        if bool(field.left_unit) != bool(field.right_unit):
            mistakes.append(f"fields.{name}: left_unit and right_unit must both be given")
        if field.pair == "key" and field.kind == "text" and field.similarity < 1:
            mistakes.append(f"fields.{name}: a key must be the same on both sides; similar texts are evidence")
        mistakes += [
            f"fields.{name}.conversions: {row!r} must be [test, from unit, to unit, factor]"
            for row in field.conversions
            if len(row) != 4 or not all(isinstance(part, str) for part in row[:3]) or isinstance(row[3], str)
        ]
    if not any(field.must != "nothing" or field.pair != "no" for field in declaration.fields.values()):
        mistakes.append("no field is held against another")
    return mistakes


def prepare(work: Work, name: str, declaration: Reconciliation) -> Plan:
    """A reconciliation ready to run on the work's tables. Raises CdmError for a mistake in it, NotRun when a source is not there."""
    left, right = (_source(work, name, which, getattr(declaration, which), declaration) for which in ("left", "right"))
    problems: list[str] = []
    for source in (left, right):
        for key in ("subject", "visit", "expected"):
            if missing := _missing(work, source, getattr(source.side, key), problems, name, source.name, key):
                raise NotRun(
                    f"column {', '.join(missing)} of {source.side.table} is not collected ({source.name}.{key})"
                )
        for key, text in (
            ("key", source.side.key),
            ("where", source.side.where),
            ("versions_of", source.side.versions_of),
            *(("newest_by", t) for t in source.side.newest_by),
        ):
            _missing(work, source, text, problems, name, source.name, key)  # empty there when it is not collected
    fields, left_out = {}, []
    for field_name, field in declaration.fields.items():
        if field.must == "nothing" and field.pair == "no":
            continue
        absent = []
        for source, keys in ((left, ("left", "left_unit", "per")), (right, ("right", "right_unit"))):
            for key in keys:
                absent += [
                    f"{source.side.table}.{c}"
                    for c in _missing(work, source, getattr(field, key), problems, name, "fields", field_name, key)
                ]
        if absent and field.pair == "key":
            raise NotRun(f"{', '.join(absent)} is not collected, by which records are paired")
        if absent:
            left_out.append(f"{field.label or field_name} is not compared: {', '.join(absent)} is not collected")
        else:
            fields[field_name] = (
                field if field.label else field.model_copy(update={"label": field_name.replace("_", " ").capitalize()})
            )
    if problems:
        raise CdmError(listed(problems, f"{work.study.folder / 'study.toml'}:"))
    return Plan(name, declaration, left, right, fields, tuple(left_out))


def _source(work: Work, name: str, which: str, side: Side, declaration: Reconciliation) -> Source:
    """The SELECT of one side: a standard table, a dataset of the snapshot, or a file in reconciliations/ of the study or the library."""
    collected, study = tables.collected(work.con), work.study
    if side.table in standard.mapped() + standard.DERIVED:
        if side.table not in collected:
            raise NotRun(f"table {side.table} is not collected")
        columns = tables.columns_in(study, side.table)
        absent = "".join(
            f", CAST(NULL AS {c.sql_type}) AS {c.name}" for c in columns if c.name not in collected[side.table]
        )
        known = tuple(c.name for c in columns)
        return Source(side, which, f"SELECT *{absent} FROM main.{side.table}", {}, known, collected[side.table])
    source, dot, dataset = side.table.partition(".")
    if dot and source in study.sources:
        stored = next(
            (d for d in work.snapshot.datasets if d.source == source and d.name.lower() == dataset.lower()), None
        )
        if not stored:
            raise NotRun(f"the snapshot has no dataset {side.table}")
        columns = (*stored.columns, "source", "dataset", "source_row")
        chosen = f"SELECT *, dataset || '|' || source_row AS record_key FROM {quote(source)}.{quote(stored.name)}"
        return Source(side, which, chosen, {}, (*columns, "record_key"), (*columns, "record_key"))
    paths = [folder / f"{side.table}.sql" for folder in (study.folder / "reconciliations", CONTENT)]
    path = next((path for path in paths if path.exists()), None)
    if dot or not path:
        files = sorted({p.stem for folder in (study.folder / "reconciliations", CONTENT) for p in folder.glob("*.sql")})
        raise CdmError(
            f"{study.folder / 'study.toml'}: {line_of(study, 'reconciliations', name, which, 'table')}reconciliations.{name}.{which}.table: {side.table!r} is neither a standard table ({', '.join(standard.mapped())}) "
            f"nor a dataset of a source ({', '.join(study.sources)}) nor a SELECT in reconciliations/ ({', '.join(files)})."
        )
    file = sqlfile.read(path, "listing")
    sql = tables.with_optional(file, collected)
    params = checks.used_params(sql, {"as_of": work.as_of} | file.params | declaration.params)
    try:
        columns = tuple(tables.columns_of(work.con, sql, params))
    except duckdb.Error as error:
        if missing := checks.not_collected(work.con, file, collected, str(error)):
            raise NotRun(missing) from None
        raise CdmError(f"{path}: {tables.reason(error)}") from None
    return Source(side, which, sql, params, columns, columns)


def _missing(work: Work, source: Source, expression: str, problems: list[str], name: str, *loc: str) -> list[str]:
    """The columns of an expression that the study does not collect; a column that there can't be is a problem, with its line."""
    used, mistake = _used(work.con, expression)
    known, there = ({column.lower() for column in columns} for columns in (source.known, source.there))
    wrong = [column for column in used if column.lower() not in known]
    place = f"{line_of(work.study, 'reconciliations', name, *loc)}reconciliations.{'.'.join((name, *loc))}"
    if mistake:
        problems.append(f"{place}: {expression!r} can't be read as SQL: {mistake}")
    if wrong:
        problems.append(
            f"{place}: {', '.join(wrong)} is not a column of {source.side.table}; it has {', '.join(source.known)}"
        )
    return [column for column in used if column.lower() in known and column.lower() not in there]


def _used(con: duckdb.DuckDBPyConnection, expression: str) -> tuple[list[str], str]:
    """The columns that an SQL expression names, each once, and what is wrong with it."""
    if not expression:
        return [], ""
    parsed = json.loads(con.execute("SELECT json_serialize_sql(?)", [f"SELECT ({expression}\n)"]).fetchone()[0])
    if parsed.get("error"):
        return [], parsed["error_message"]
    if len(parsed["statements"]) != 1:
        return [], "it must be one expression"
    found, nodes = {}, [parsed["statements"][0]["node"]["select_list"]]
    while nodes:
        node = nodes.pop(0)
        if isinstance(node, dict) and node.get("type") == "COLUMN_REF":
            found[node["column_names"][-1]] = None
        elif isinstance(node, dict | list):
            nodes += list(node.values() if isinstance(node, dict) else node)
    return [column for column in found if column != "x"], ""  # x: what a lambda calls its value


# ── running one ─────────────────────────────────────────────────────────────────────────────────────────────────


def run(con: duckdb.DuckDBPyConnection, plan: Plan) -> list[int]:
    """Run one reconciliation; its counts: left and right records, agree, differ, only left, only right, ambiguous, other.

    Records are paired within a subject. Two records are a pair when each is the best partner of the other, by the evidence that is
    declared, and better by the margin than any partner that is still free; this is repeated until nothing changes. No pair is made
    because it is all that is left over: what is likely but not clear is offered as ambiguous.
    """
    _spell(con, plan)
    for source in (plan.left, plan.right):
        _load(con, plan, source)
    con.execute(
        """CREATE OR REPLACE TEMP TABLE recon_subjects AS SELECT s.*, raws, s.spellings > 1 OR coalesce(n, 1) > 1 AS held FROM recon_subjects AS s
           LEFT JOIN (SELECT who, count(DISTINCT raw) AS n, string_agg(DISTINCT raw, ', ' ORDER BY raw) AS raws FROM recon_right GROUP BY who) AS r ON r.who = s.who"""
    )
    _candidates(con, plan)
    _pair(con, plan)
    _side_by_side(con, plan)
    return _results(con, plan)


def _who(plan: Plan, expression: str) -> str:
    """A subject number without what does not count in it, as SQL."""
    rules = plan.declared.subjects
    sql = f"trim(CAST({expression} AS VARCHAR))"
    if rules.drop:
        sql = f"regexp_replace({sql}, {literal(rules.drop)}, '')"
    if "case" in rules.ignore:
        sql = f"upper({sql})"
    if "zeros" in rules.ignore:
        sql = rf"regexp_replace({sql}, '(^|[^0-9])0+([0-9])', '\1\2', 'g')"
    if "separators" in rules.ignore:
        sql = f"regexp_replace({sql}, '[^0-9A-Za-z]+', '', 'g')"
    return f"nullif({sql}, '')"


def _spell(con: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """The subjects by their number as compared: those of the study, or of the left source when it names them in a way of its own."""
    subject = plan.left.side.subject or "subjid"
    own = bool(set(_used(con, subject)[0]) - {"subjid", "siteid"})
    origin = f"({plan.left.sql}\n)" if own else "subjects"
    site = "CAST(NULL AS VARCHAR)" if own else "siteid"
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE recon_subjects AS
            SELECT who, min(subjid) AS subjid, min(siteid) AS siteid, count(DISTINCT subjid) AS spellings, string_agg(DISTINCT subjid, ', ' ORDER BY subjid) AS named
            FROM (SELECT {"CAST(" + subject + " AS VARCHAR)" if own else "subjid"} AS subjid, {site} AS siteid, {_who(plan, subject)} AS who FROM {origin} AS x)
            WHERE who IS NOT NULL GROUP BY who""",
        plan.left.params if own else {},
    )


def _load(con: duckdb.DuckDBPyConnection, plan: Plan, source: Source) -> None:
    """One side as a table: key (told apart by a number when it repeats), who, subjid, siteid, visit, expected, and per field its value as sent (v_) and as compared (c_)."""
    side, which = source.side, source.name
    there = {column.lower() for column in source.there}
    base = {
        "record": "CAST(record_key AS VARCHAR)",
        "named": f"coalesce(CAST({side.key or 'record_key'} AS VARCHAR), CAST(record_key AS VARCHAR))",
        "raw": f"CAST({side.subject or 'subjid'} AS VARCHAR)",
        "who": _who(plan, side.subject or "subjid"),
        "site": "siteid" if "siteid" in there else "CAST(NULL AS VARCHAR)",
        "visit": side.visit or ("visit" if "visit" in there else "CAST(NULL AS VARCHAR)"),
        "expected": f"coalesce({side.expected or 'true'}, false)",
    }
    values = {
        f"v_{name}": f"nullif(trim(CAST({getattr(field, which)} AS VARCHAR)), '')"
        for name, field in plan.fields.items()
    }
    for name, field in plan.fields.items():
        if field.left_unit:
            values[f"u_{name}"] = f"nullif(trim(CAST({getattr(field, f'{which}_unit')} AS VARCHAR)), '')"
        if field.per and which == "left":
            values[f"p_{name}"] = f"CAST({field.per} AS VARCHAR)"
    chosen = ", ".join(f"{expression} AS {name}" for name, expression in (base | values).items())
    newest = ""
    if side.versions_of:
        order = ", ".join(f"{text} DESC NULLS LAST" for text in side.newest_by or ["source_row"])
        newest = f"QUALIFY rank() OVER (PARTITION BY {side.versions_of} ORDER BY {order}) = 1"
    compared = ", ".join(f"{_compared(field, which, f'v_{name}')} AS c_{name}" for name, field in plan.fields.items())
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE recon_{which} AS
            SELECT CASE WHEN count(*) OVER n = 1 OR row_number() OVER n = 1 THEN named ELSE named || '#' || row_number() OVER n END AS key, *, {compared}
            FROM (SELECT {chosen} FROM ({source.sql}\n) AS x WHERE {side.where or "true"} {newest}) AS r
            WINDOW n AS (PARTITION BY named ORDER BY record ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)""",
        source.params,
    )


def _compared(field: Compared, which: str, value: str) -> str:
    """A value as it is compared, as SQL; NULL when there is none or it can't be read."""
    if field.kind == "date":
        return f"left(CASE WHEN regexp_full_match({value}, {ISO}) THEN {value} ELSE iso_date({value}) END, 10)"
    if field.kind == "time":
        clock = f"iso_time(CASE WHEN contains({value}, 'T') THEN split_part({value}, 'T', 2) ELSE {value} END)"
        return f"CASE WHEN {clock} <> '' THEN 60 * CAST({clock}[2:3] AS INTEGER) + CAST({clock}[5:6] AS INTEGER) END"
    if field.kind == "number":
        return f"num({value})"
    sql = value
    if field.map and which == "right":
        cases = " ".join(f"WHEN {literal(given.upper())} THEN {literal(meant)}" for given, meant in field.map.items())
        sql = f"CASE upper({value}) {cases} ELSE {value} END"
    if "punctuation" in field.ignore:
        sql = rf"regexp_replace({sql}, '[^\p{{L}}\p{{N}}]+', ' ', 'g')"
    if "spacing" in field.ignore:
        sql = rf"trim(regexp_replace({sql}, '\s+', ' ', 'g'))"
    if "case" in field.ignore:
        sql = f"upper({sql})"
    return f"nullif({sql}, '')"


def _evidence(name: str, field: Compared) -> str:
    """How far two records agree in a field, from 0 to 1, as SQL; a half when a value is missing, which speaks neither for nor against."""
    a, b = f"l.c_{name}", f"r.c_{name}"
    if field.kind == "date":
        same = f"CASE WHEN left({a}, least(length({a}), length({b}))) = left({b}, least(length({a}), length({b}))) THEN 0.8 ELSE 0.0 END"
        sql = f"CASE WHEN length({a}) = 10 AND length({b}) = 10 THEN greatest(0.0, 1.0 - abs(iso_days({a}, {b})) / {REACH}.0) ELSE {same} END"
    elif field.kind == "time":
        sql = f"greatest(0.0, 1.0 - abs({a} - {b}) / 120.0)"
    elif field.kind == "number":
        sql = f"CASE WHEN abs({a} - {b}) <= greatest({field.tolerance}, {field.percent} / 100 * abs({a})) + 1e-9 THEN 1.0 ELSE 0.0 END"
    elif field.kind == "text":
        sql = f"text_similarity({a}, {b})"
    else:
        sql = f"CASE WHEN {a} = {b} THEN 1.0 ELSE 0.0 END"
    return f"CASE WHEN {a} IS NULL OR {b} IS NULL THEN 0.5 ELSE coalesce({sql}, 0.5) END"


def _candidates(con: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Every two records of one subject that could be a pair, with the evidence for it.

    Where the keys alone tell one record from all others on both sides, they are the pair and nothing else is weighed.
    """
    on = " AND ".join(["l.who = r.who", *(f"l.c_{name} = r.c_{name}" for name in plan.keys)])
    alone = ", ".join(["who", *(f"c_{name}" for name in plan.keys)])
    known = "EXISTS (FROM recon_subjects AS s WHERE s.who = {0}.who AND NOT s.held)"
    for which in ("left", "right"):
        counted = f"count(*) OVER (PARTITION BY {alone})" if plan.keys else "2"
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE recon_{which}_known AS SELECT *, {counted} AS alike FROM recon_{which} AS x WHERE {known.format('x')}"
        )
    said = ", ".join(["'subject'", *(literal(plan.fields[name].label.lower()) for name in plan.keys)])
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE recon_pairs AS SELECT l.key AS lk, r.key AS rk, CAST(1 AS DOUBLE) AS score, concat_ws(', ', {said}) AS matched_on
            FROM recon_left_known AS l JOIN recon_right_known AS r ON {on} WHERE l.alike = 1 AND r.alike = 1"""
    )
    weights = {name: plan.fields[name].weight for name in plan.evidence}
    parts = ", ".join(f"{_evidence(name, plan.fields[name])} AS s_{name}" for name in plan.evidence)
    total = " + ".join(f"{weight} * s_{name}" for name, weight in weights.items())
    score = f"({total}) / {sum(weights.values())}" if weights else "1.0"
    found = [said] + [
        f"CASE WHEN s_{name} > 0.999 THEN {literal(plan.fields[name].label.lower())} WHEN s_{name} >= 0.6 THEN {literal(plan.fields[name].label.lower())} || ' ' || CAST(CAST(s_{name} AS DECIMAL(3, 2)) AS VARCHAR) END"
        for name in plan.evidence
    ]
    least = 0 if plan.keys else plan.declared.offer_at
    con.execute(
        f"""CREATE OR REPLACE TEMP TABLE recon_candidates AS SELECT lk, rk, round({score}, 6) AS score, concat_ws(', ', {", ".join(found)}) AS matched_on
            FROM (SELECT l.key AS lk, r.key AS rk{", " + parts if parts else ""} FROM recon_left_known AS l JOIN recon_right_known AS r ON {on}
                  WHERE NOT (l.alike = 1 AND r.alike = 1)) AS c WHERE {score} >= {least}"""
    )


def _pair(con: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """Move to recon_pairs the candidates that are clear, again and again; what stays in recon_candidates is between free records."""
    least = 0 if plan.keys else plan.declared.pair_at
    while True:
        con.execute(
            f"""CREATE OR REPLACE TEMP TABLE recon_clear AS
                SELECT lk, rk, score, matched_on FROM (
                    SELECT *, row_number() OVER l AS left_place, row_number() OVER r AS right_place,
                           score - coalesce(lead(score) OVER l, -1) AS left_lead, score - coalesce(lead(score) OVER r, -1) AS right_lead
                    FROM recon_candidates
                    WINDOW l AS (PARTITION BY lk ORDER BY score DESC, rk), r AS (PARTITION BY rk ORDER BY score DESC, lk))
                WHERE left_place = 1 AND right_place = 1 AND score >= {least}
                  AND left_lead >= {plan.declared.margin} AND right_lead >= {plan.declared.margin}"""
        )
        if not con.execute("SELECT count(*) FROM recon_clear").fetchone()[0]:
            return
        con.execute("INSERT INTO recon_pairs SELECT * FROM recon_clear")
        con.execute(
            """CREATE OR REPLACE TEMP TABLE recon_candidates AS SELECT * FROM recon_candidates AS c
               WHERE NOT EXISTS (FROM recon_clear AS p WHERE p.lk = c.lk) AND NOT EXISTS (FROM recon_clear AS p WHERE p.rk = c.rk)"""
        )


def _differs(name: str, field: Compared) -> str:
    """Whether two values differ by more than is allowed, as SQL. A value that can't be read differs from any other text."""
    a, b, va, vb = f"l.c_{name}", f"r.c_{name}", f"l.v_{name}", f"r.v_{name}"
    if field.kind == "date":
        if field.must == "consistent":
            partial = f"left({a}, least(length({a}), length({b}))) <> left({b}, least(length({a}), length({b})))"
        else:
            partial = f"{a} <> {b}"
        sql = f"CASE WHEN length({a}) = 10 AND length({b}) = 10 THEN abs(iso_days({a}, {b})) > {field.tolerance} ELSE {partial} END"
    elif field.kind == "time":
        sql = f"abs({a} - {b}) > {field.tolerance}"
    elif field.kind == "number":
        other = f"{b} * f_{name}" if field.left_unit else b
        sql = f"abs({a} - {other}) > greatest({field.tolerance}, {field.percent} / 100 * abs({a})) + 1e-9"
        if field.left_unit:  # values in units that can't be converted are not compared: their units differ
            sql = f"f_{name} IS NOT NULL AND {sql}"
    elif field.similarity < 1:
        sql = f"coalesce(text_similarity({a}, {b}), 0) < {field.similarity}"
    else:
        sql = f"{a} <> {b}"
    one = "false" if field.one_blank == "agrees" else "true"
    return f"""CASE WHEN {va} IS NULL AND {vb} IS NULL THEN false WHEN {va} IS NULL OR {vb} IS NULL THEN {one}
                    WHEN {a} IS NULL OR {b} IS NULL THEN upper({va}) <> upper({vb}) ELSE {sql} END"""


def _factor(name: str, field: Compared) -> str:
    """What the right value is multiplied by to be in the left unit, as SQL; NULL when nobody said."""
    a, b, per = f"unit_key(l.u_{name})", f"unit_key(r.u_{name})", f"upper(l.p_{name})" if field.per else "''"
    cases = [f"WHEN {a} IS NOT DISTINCT FROM {b} THEN 1.0"]
    for test, given, wanted, factor in field.conversions:
        only = f"{per} = {literal(str(test).upper())} AND " if test else ""
        units = f"unit_key({literal(str(given))})", f"unit_key({literal(str(wanted))})"
        cases.append(f"WHEN {only}{b} = {units[0]} AND {a} = {units[1]} THEN {float(factor)!r}")
        cases.append(f"WHEN {only}{a} = {units[0]} AND {b} = {units[1]} THEN 1.0 / {float(factor)!r}")
    return f"CASE {' '.join(cases)} END"


def _side_by_side(con: duckdb.DuckDBPyConnection, plan: Plan) -> None:
    """The table reconciliation_<name>: one row per pair, per record without one and per pair offered, both values of every field beside each other."""
    factors = {name: _factor(name, field) for name, field in plan.fields.items() if field.left_unit}
    with_units = {name for name in factors if name in plan.asked}
    values = ", ".join(
        f"{_shown('l', name, field)} AS {name}_left, {_shown('r', name, field)} AS {name}_right"
        for name, field in plan.fields.items()
    )
    paired = "p.result = 'pair'"
    differs = [
        f"coalesce({paired} AND {_differs(name, plan.fields[name])}, false) AS {name}_differs" for name in plan.asked
    ]
    differs += [
        f"coalesce({paired} AND f_{name} IS NULL AND l.v_{name} IS NOT NULL AND r.v_{name} IS NOT NULL, false) AS {name}_unit_differs, l.u_{name} AS {name}_unit_left, r.u_{name} AS {name}_unit_right"
        for name in sorted(with_units)
    ]
    given = "".join(f", {factor} AS f_{name}" for name, factor in factors.items())
    con.execute(
        f"""CREATE OR REPLACE TABLE reconciliation_{plan.name} AS
            SELECT p.result, coalesce(s.siteid, l.site, r.site) AS siteid, coalesce(s.subjid, l.raw, r.raw) AS subjid, coalesce(l.visit, r.visit) AS visit,
                   p.lk AS left_key, p.rk AS right_key, {values}{"".join(", " + sql for sql in differs)}, p.score, p.matched_on
            FROM (SELECT p.*{given} FROM (
                SELECT 'pair' AS result, lk, rk, score, matched_on FROM recon_pairs
                UNION ALL SELECT 'ambiguous', lk, rk, score, matched_on FROM recon_candidates
                UNION ALL SELECT 'only left', key, NULL, NULL, NULL FROM recon_left_known AS l WHERE expected
                    AND NOT EXISTS (FROM recon_pairs AS p WHERE p.lk = l.key) AND NOT EXISTS (FROM recon_candidates AS c WHERE c.lk = l.key)
                UNION ALL SELECT 'only right', NULL, key, NULL, NULL FROM recon_right_known AS r WHERE expected
                    AND NOT EXISTS (FROM recon_pairs AS p WHERE p.rk = r.key) AND NOT EXISTS (FROM recon_candidates AS c WHERE c.rk = r.key)
            ) AS p LEFT JOIN recon_left AS l ON l.key = p.lk LEFT JOIN recon_right AS r ON r.key = p.rk) AS p
            LEFT JOIN recon_left AS l ON l.key = p.lk LEFT JOIN recon_right AS r ON r.key = p.rk
            LEFT JOIN recon_subjects AS s ON s.who = coalesce(l.who, r.who)"""
    )
    any_ = [f"{name}_differs" for name in plan.asked] + [f"{name}_unit_differs" for name in sorted(with_units)]
    con.execute(
        f"UPDATE reconciliation_{plan.name} SET result = CASE WHEN {' OR '.join(any_) or 'false'} THEN 'mismatch' ELSE 'matched' END WHERE result = 'pair'"
    )


def _shown(side: str, name: str, field: Compared) -> str:
    """A value as the reader sees it: with its unit, and marked when it is not a date, time or number."""
    sql = f"{side}.v_{name}"
    if field.left_unit:
        sql = f"CASE WHEN {sql} IS NOT NULL THEN concat_ws(' ', {sql}, {side}.u_{name}) END"
    if field.kind in ("date", "time"):
        sql = f"CASE WHEN {side}.c_{name} IS NULL AND {sql} IS NOT NULL THEN {sql} || ' (not a {field.kind})' ELSE {sql} END"
    return sql


def _results(con: duckdb.DuckDBPyConnection, plan: Plan) -> list[int]:
    """Fill the table reconciliation from the one side by side, and count."""
    own, name = f"reconciliation_{plan.name}", literal(plan.name)
    texts = ", ".join(
        map(literal, (plan.name, plan.declared.title or plan.name, plan.left.side.label, plan.right.side.label))
    )

    telling = plan.keys or plan.evidence[:1]  # what a reader knows a record by
    record = (
        "nullif(concat_ws(', ', "
        + ", ".join(f"{literal(plan.fields[n].label)} || ' ' || coalesce({n}_left, {n}_right)" for n in telling)
        + "), '')"
    )

    def insert(
        key: str,
        result: str,
        field: str,
        label: str,
        left: str,
        right: str,
        source: str,
        where: str,
        record: str = "NULL",
    ) -> None:
        con.execute(
            f"""INSERT INTO reconciliation
                SELECT {name} || '|' || {key}, siteid, subjid, visit, {texts}, {result}, left_key, right_key, {record}, {field}, {label},
                       {left}, {right}, NULL, score, matched_on FROM {source} WHERE {where} ORDER BY siteid, subjid, {key}"""
        )

    differing = [(n, f"{n}_differs", f"{n}_left", f"{n}_right", plan.fields[n].label) for n in plan.asked]
    differing += [
        (f"{n}_unit", f"{n}_unit_differs", f"{n}_unit_left", f"{n}_unit_right", f"{plan.fields[n].label}: unit")
        for n in plan.asked
        if plan.fields[n].left_unit
    ]
    for field, column, left, right, label in differing:
        once = plan.fields[field].per_subject if field in plan.fields else False
        key, source = (f"left_key || '|' || {literal(field)}", own)
        if once:
            key = f"concat_ws('|', 'subject', subjid, {literal(field)}, CASE WHEN nth > 1 THEN nth END)"
            alike = f"row_number() OVER (PARTITION BY subjid, {left}, {right} ORDER BY left_key) AS alike"
            source = f"""(SELECT *, row_number() OVER (PARTITION BY subjid ORDER BY left_key) AS nth
                          FROM (SELECT *, {alike} FROM {own} WHERE {column}) WHERE alike = 1) AS o"""
        insert(key, "'mismatch'", literal(field), literal(label), left, right, source, column, record)
    told = {
        side: "concat_ws('; ', "
        + ", ".join(f"{literal(f.label)} || ' ' || {n}_{side}" for n, f in plan.fields.items())
        + ")"
        for side in ("left", "right")
    }
    insert("left_key", "'matched'", "NULL", "NULL", "NULL", "NULL", own, "result = 'matched'")
    insert("left_key", "'only left'", "NULL", "NULL", told["left"], "NULL", own, "result = 'only left'")
    insert("'right|' || right_key", "'only right'", "NULL", "NULL", "NULL", told["right"], own, "result = 'only right'")
    insert(
        "'right|' || right_key || '|' || left_key",
        "'ambiguous'",
        "NULL",
        "NULL",
        told["left"],
        told["right"],
        own,
        "result = 'ambiguous'",
    )
    subjects = """(SELECT siteid, named AS subjid, NULL AS visit, NULL AS left_key, NULL AS right_key, NULL AS score, NULL AS matched_on, who, named, raws
                    FROM recon_subjects WHERE held) AS c"""
    insert("'subject|' || who", "'collision'", "'subject'", "'Subject number'", "named", "raws", subjects, "true")
    for side in ("left", "right"):
        unknown = f"""(SELECT min(site) AS siteid, raw AS subjid, NULL AS visit, {"min(key)" if side == "left" else "NULL"} AS left_key,
                              {"min(key)" if side == "right" else "NULL"} AS right_key, NULL AS score, NULL AS matched_on,
                              coalesce(raw, '(blank)') || ' (' || count(*) || CASE WHEN count(*) = 1 THEN ' record)' ELSE ' records)' END AS said
                       FROM recon_{side} AS r WHERE NOT EXISTS (FROM recon_subjects AS s WHERE s.who = r.who) GROUP BY raw) AS u"""
        values = ("said", "NULL") if side == "left" else ("NULL", "said")
        insert(
            f"'{side} unknown|' || coalesce(subjid, '')",
            "'unknown subject'",
            "'subject'",
            "'Subject number'",
            *values,
            unknown,
            "true",
        )
    counted = dict(con.execute(f"SELECT result, count(*) FROM {own} GROUP BY result").fetchall())
    offered = con.execute(f"SELECT count(DISTINCT right_key) FROM {own} WHERE result = 'ambiguous'").fetchone()[0]
    other = con.execute(
        f"SELECT count(*) FROM reconciliation WHERE recon = {name} AND result IN ('collision', 'unknown subject')"
    ).fetchone()[0]
    sizes = [con.execute(f"SELECT count(*) FROM recon_{which}").fetchone()[0] for which in ("left", "right")]
    return [
        *sizes,
        *(counted.get(result, 0) for result in ("matched", "mismatch", "only left", "only right")),
        offered,
        other,
    ]
