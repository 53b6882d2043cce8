"""Run a study's table files, hold them against the standard columns, and derive what every check may use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from cdmlib import pivot, specification, sqlfile, standard
from cdmlib.errors import CdmError, listed
from cdmlib.mart import Work
from cdmlib.sqlfile import SqlFile
from cdmlib.standard import Column, literal, quote
from cdmlib.study import Study


@dataclass(frozen=True)
class Table:
    """What became of one table file: rows made, records of the extract left out by it, and expected columns it lacks."""

    name: str
    title: str
    rows: int
    left_out: int
    repeated_keys: int
    not_collected: str


def build(work: Work) -> pd.DataFrame:
    """Make every standard table of the study in the work's database, then subjects, visits, queries, fields and items.

    Returns one row per table: name, title, rows, left_out (records of its datasets that no row came from), repeated_keys, not_collected;
    and one per dataset that has a row per item, with the values that no table file takes up as left_out.
    Raises CdmError naming the table file and the column at fault.
    """
    made = []
    for path in sorted((work.study.folder / "tables").glob("*.sql")):
        file = sqlfile.read(path, "table")
        if path.stem not in standard.mapped() + standard.DERIVED:
            raise CdmError(f"{path}: {path.stem} is not a standard table; there are {', '.join(standard.mapped())}.")
        if path.stem in standard.mapped():
            made.append(_make(work, file, path.stem))
    if not made:
        raise CdmError(f"{work.study.folder / 'tables'} holds no table file. `cdm new` writes them.")
    _fill_sites(work.con)
    _support(work.con, work.study)
    for name in standard.DERIVED:
        own = work.study.folder / "tables" / f"{name}.sql"
        made.append(
            _make(work, sqlfile.read(own if own.exists() else standard.SQL / "tables" / f"{name}.sql", "table"), name)
        )
    _items(work.con)
    return pd.DataFrame([*made, *_items_left(work)])


def _items_left(work: Work) -> list[Table]:
    """A line for each dataset with a row per item: how many of its values no table file takes up, and of which forms."""
    texts = [path.read_text(encoding="utf-8") for path in sorted((work.study.folder / "tables").glob("*.sql"))]
    lines = []
    for dataset in work.snapshot.datasets:
        if pivot.long(dataset):
            left, forms = pivot.not_taken_up(work.con, dataset, texts)
            title = f"Items that no table file takes up: {', '.join(forms)}" if forms else "All items are in a table file"
            lines.append(Table(f"{dataset.source}.{dataset.name}", title, dataset.rows_stored, left, 0, ""))
    return lines


def collected(con: duckdb.DuckDBPyConnection) -> dict[str, tuple[str, ...]]:
    """The tables of a mart and the columns each has."""
    rows = con.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'main' AND table_catalog = current_database() ORDER BY table_name, ordinal_position"
    ).fetchall()
    found: dict[str, tuple[str, ...]] = {}
    for table, column in rows:
        found[table] = (*found.get(table, ()), column)
    return found


def with_optional(file: SqlFile, there: dict[str, tuple[str, ...]]) -> str:
    """The file's SELECT, with the optional tables and columns that this study does not collect in place as NULLs."""
    wanted: dict[str, set[str]] = {}
    for part in file.optional:
        table, _, column = part.partition(".")
        names = [c.name for c in standard.tables().get(table, ())]
        if not names or (column and column not in names):
            raise CdmError(f"{file.path}: optional: {part!r} is not a standard table or column.")
        wanted.setdefault(table, set()).update([column] if column else names)
    shadows = []
    for table, columns in sorted(wanted.items()):
        absent = [c for c in standard.tables()[table] if c.name in columns and c.name not in there.get(table, ())]
        nulls = ", ".join(f"CAST(NULL AS {c.sql_type}) AS {c.name}" for c in absent)
        if table not in there and absent == list(standard.tables()[table]):
            shadows.append(f"{table} AS NOT MATERIALIZED (SELECT {nulls} WHERE false)")
        elif table in there and absent:
            shadows.append(f"{table} AS NOT MATERIALIZED (SELECT *, {nulls} FROM main.{table})")
    return f"WITH {', '.join(shadows)} SELECT * FROM ({file.sql}\n)" if shadows else file.sql


def columns_of(con: duckdb.DuckDBPyConnection, sql: str, params: dict[str, float | str]) -> dict[str, str]:
    """The columns a SELECT gives and their types, without running it."""
    return {column[0]: str(column[1]) for column in con.execute(f"SELECT * FROM ({sql}\n) LIMIT 0", params).description}


def source_columns(con: duckdb.DuckDBPyConnection, file: SqlFile) -> list[tuple[str, str, str]]:
    """Which source columns a table file makes each column from: (standard column, constant test code or "", source column).

    Only what stands in the SELECT itself counts; a column that comes out of a WITH goes by its name there.
    """
    found, nodes = [], [json.loads(con.execute("SELECT json_serialize_sql(?)", [file.sql]).fetchone()[0])]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict) and node.get("type") == "SELECT_NODE":
            chosen = {item["alias"] or item.get("column_names", [""])[-1]: item for item in node["select_list"]}
            test = next(
                (
                    item["value"]["value"]
                    for name, item in chosen.items()
                    if name.endswith("testcd") and item["type"] == "VALUE_CONSTANT"
                ),
                "",
            )
            found += [(name, test, column) for name, item in chosen.items() for column in _references(item)]
        nodes += list(node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
    return found


def _references(node: object) -> list[str]:
    """The plain column names in an expression, in their order."""
    if isinstance(node, dict) and node.get("type") == "COLUMN_REF":
        return node["column_names"] if len(node["column_names"]) == 1 else []
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [column for part in inner for column in _references(part)]


def _make(work: Work, file: SqlFile, name: str) -> Table:
    """Create one table in its standard column order and types, with unique record keys."""
    con, columns = work.con, columns_in(work.study, name)
    sql = with_optional(file, collected(con)) if name in standard.DERIVED else file.sql
    params = {"as_of": work.as_of} if "$as_of" in sql else {}
    try:
        given = [row[0] for row in con.execute(f"DESCRIBE {sql}", params).fetchall()]
        _check_columns(file.path, name, columns, given)
        kept = [c for c in columns if c.name in given or c.role == "key"]
        values = [
            f"CAST({quote(c.name)} AS {c.sql_type}) AS {c.name}"
            if c.name in given
            else f"CAST(NULL AS {c.sql_type}) AS {c.name}"
            for c in kept
        ]
        con.execute(
            f"CREATE TABLE {name} AS SELECT {', '.join(values)} FROM ({sql}\n) ORDER BY dataset, source_row, record_key",
            params,
        )
    except duckdb.Error as error:
        raise CdmError(f"{file.path}: {reason(error)}") from None
    blank = con.execute(f"SELECT count(*) FROM {name} WHERE record_key IS NULL").fetchone()[0]
    if blank:
        raise CdmError(
            f"{file.path}: record_key is empty in {blank} rows. Build it from columns that are always there, such as the subject and a row number."
        )
    repeated = con.execute(f"SELECT count(*) - count(DISTINCT record_key) FROM {name}").fetchone()[0]
    if repeated:  # a second record with the same key stays in, told apart by a number
        con.execute(
            f"""UPDATE {name} SET record_key = {name}.record_key || '#' || n.number FROM
                (SELECT rowid AS id, row_number() OVER (PARTITION BY record_key ORDER BY dataset, source_row, rowid) AS number FROM {name}) n
                WHERE n.id = {name}.rowid AND n.number > 1"""
        )
    if name in standard.DERIVED:
        _drop_what_is_not_collected(con, name, columns)
    rows, sources = con.execute(
        f"SELECT count(*), count(DISTINCT (source, dataset, source_row)) FILTER (source_row IS NOT NULL) FROM {name}"
    ).fetchone()
    used = (
        con.execute(f"SELECT DISTINCT source, dataset FROM {name} WHERE source_row IS NOT NULL").fetchall()
        if name in standard.mapped()
        else []
    )
    per_record = [d for d in work.snapshot.datasets if (d.source, d.name) in used and not pivot.long(d)]
    counted = len(per_record) == len(used)  # of data with a row per item, `build` counts the items instead
    total = sum(d.rows_stored for d in per_record)
    lacking = [c.name for c in columns if c.role == "expected" and c.name not in given]
    return Table(name, file.title, rows, total - sources if used and counted else 0, repeated, ", ".join(lacking))


def _drop_what_is_not_collected(con: duckdb.DuckDBPyConnection, name: str, columns: tuple[Column, ...]) -> None:
    """Take out derived columns that the study gives no source for, so that a check which needs them is not run rather than clean.

    A column of role `expected` (such as the consent date) also counts as not collected when no subject or visit has it.
    """
    there = collected(con)
    if not con.execute("SELECT count(*) FROM visit_plan").fetchone()[0]:
        there.pop("visit_plan")
    rows = con.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
    for column in columns:
        sources = [source.split(".") for source in column.source.split("|") if source]
        given = not sources or any(field in there.get(table, ()) for table, field in sources)
        empty = (
            column.role == "expected"
            and rows
            and not con.execute(f"SELECT count({column.name}) FROM {name}").fetchone()[0]
        )
        if not given or empty:
            con.execute(f"ALTER TABLE {name} DROP COLUMN {column.name}")


def _fill_sites(con: duckdb.DuckDBPyConnection) -> None:
    """Give records of datasets without a site column the site of their subject in dm."""
    there = collected(con)
    for name in there:
        if "dm" in there and name != "dm":
            con.execute(
                f"UPDATE {name} SET siteid = dm.siteid FROM dm WHERE {name}.siteid IS NULL AND dm.subjid = {name}.subjid"
            )


def columns_in(study: Study, name: str) -> tuple[Column, ...]:
    """The standard columns of a table and those the study adds in tables/<table>.csv."""
    own = study.folder / "tables" / f"{name}.csv"
    return standard.tables()[name] + (standard.read_columns(own) if own.exists() else ())


def all_columns(study: Study | None) -> dict[str, tuple[Column, ...]]:
    """Every standard table with its columns and, of a study, those it adds."""
    return {name: columns_in(study, name) for name in standard.tables()} if study else standard.tables()


def _check_columns(path: Path, name: str, columns: tuple[Column, ...], given: list[str]) -> None:
    known = {c.name for c in columns}
    problems = [
        f"{column!r} is not a standard column of {name}. Leave it out, or describe it in tables/{name}.csv."
        for column in given
        if column not in known
    ]
    problems += [
        f"{c.name!r} ({c.label}) must be there: select it, or NULL AS {c.name} if the study can't give it."
        for c in columns
        if c.role == "required" and c.name not in given
    ]
    problems += [
        f"{column!r} must be there: it is the way back to the record."
        for column in ("record_key", "subjid", "source_row")
        if column not in given
    ]
    problems += [f"{column!r} is selected twice." for column in sorted({c for c in given if given.count(c) > 1})]
    if problems:
        raise CdmError(listed(problems, f"{path}:"))


def reason(error: duckdb.Error) -> str:
    """DuckDB's own words without its pointer into the SQL text."""
    return str(error).split("\n\nLINE")[0].strip()


def _support(con: duckdb.DuckDBPyConnection, study: Study) -> None:
    """The reference tables, `fields` (what each collected column may hold) and `visit_plan` (the schedule of study.toml)."""
    standard.load_reference(con)
    for name in ("fields", "visit_plan"):
        con.execute(f"CREATE TABLE {name} ({', '.join(f'{c.name} {c.sql_type}' for c in standard.tables()[name])})")
    there = collected(con)
    columns = {domain: columns_in(study, domain) for domain in standard.domains()}
    rules = specification.read(study, columns)
    if absent := [f"{table}.{column}" for table, column in rules if column not in there.get(table, ())]:
        raise CdmError(
            f"The field specification of {study.id} has rules for {', '.join(absent)}, which the study's table files do not make. "
            "Select them in tables/, or take the rules out."
        )
    if absent := [
        f"{table}.{rule.shown_field} ({column})"
        for (table, column), rule in rules.items()
        if rule.shown_field and rule.shown_field not in there[table]
    ]:
        raise CdmError(
            f"The field specification of {study.id} asks for {', '.join(absent)} in shown_when, which the study's table files do not make."
        )
    for domain in standard.domains():
        for c in columns[domain] if domain in there else ():
            if c.name not in there[domain] or c.role == "key":
                continue
            rule = rules.get((domain, c.name))
            own = rule.codelist if rule and rule.codelist.values else None
            row = {
                "domain": domain,
                "field": c.name,
                "label": c.label,
                "type": c.type,
                "collected": c.source or None,
                "codelist": "|".join(own.values if own else standard.codelists().get(c.codelist, ())) or None,
            }
            if rule:
                row |= {
                    "required": "Y" if rule.required else None,
                    "low": rule.low,
                    "high": rule.high,
                    "extensible": "Y" if rule.codelist.extensible else None,
                    "spec_type": rule.type or None,
                    "shown_field": rule.shown_field or None,
                    "shown_values": "|".join(rule.shown_values) or None,
                    "length": rule.length,
                    "decimals": rule.decimals,
                }
            con.execute(
                f"INSERT INTO fields ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
            )
    for visit in study.visits:
        con.execute(
            "INSERT INTO visit_plan VALUES (?, ?, ?, ?, ?)",
            [visit.name, visit.number, visit.day, visit.before, visit.after],
        )


def items(con: duckdb.DuckDBPyConnection, there: dict[str, tuple[str, ...]], which: str) -> str:
    """A SELECT of the rows of `items` of those fields only that a condition on the table fields picks: nothing else is laid out one below another.

    A field that `fields` does not describe, because it is a key, is never among them.
    """
    chosen = set(con.execute(f"SELECT domain, field FROM fields WHERE {which}").fetchall())
    return _long({domain: tuple(c for c in columns if (domain, c) in chosen) for domain, columns in there.items()})


def _items(con: duckdb.DuckDBPyConnection) -> None:
    """The long view `items`: one row per value of every standard table, empty ones too."""
    con.execute(f"CREATE VIEW items AS {_long(collected(con))}")


def _long(columns_of_domain: dict[str, tuple[str, ...]]) -> str:
    """A SELECT with a row per value of these columns of the standard tables."""
    keys = [c.name for c in standard.tables()["items"] if c.name not in ("domain", "field", "value")]
    parts = []
    for domain, columns in columns_of_domain.items():
        values = [column for column in columns if column not in keys]
        if domain not in standard.domains() or not values:
            continue
        texts = ", ".join(f"CAST({column} AS VARCHAR) AS {column}" for column in values)
        parts.append(
            f"SELECT {', '.join(keys)}, {literal(domain)} AS domain, field, value FROM (SELECT {', '.join(keys)}, {texts} FROM {domain}) UNPIVOT INCLUDE NULLS (value FOR field IN ({', '.join(values)}))"
        )
    nothing = ", ".join(f"CAST(NULL AS {c.sql_type}) AS {c.name}" for c in standard.tables()["items"])
    return " UNION ALL ".join(parts) or f"SELECT {nothing} WHERE false"
