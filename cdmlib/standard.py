"""The standard tables: which columns each has, of what type, and empty copies of them all to test content against."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

from cdmlib.errors import CdmError

SQL = Path(__file__).parent / "sql"
SQL_TYPES = {"text": "VARCHAR", "date": "VARCHAR", "number": "DOUBLE", "integer": "BIGINT", "boolean": "BOOLEAN"}
ROLES = ("key", "required", "expected", "optional")
DERIVED = ("subjects", "visits", "queries", "pages", "visit_status")  # made from the other tables by the library's own table files
THIRD_PARTY = ("safety", "lbx", "samples", "irt", "epro", "device")  # what others say of the same subjects, to be reconciled with the EDC
LISTINGS = ("edc_queries", "edc_pages", "edc_visits", "edc_issues")  # what the EDC says about the data
OPERATIONAL = (*LISTINGS, *THIRD_PARTY)  # mapped like a domain, but subjects, visits and items are not made from them
LATER = ("coding",)  # made from the tables by a module of its own, before the checks run
SUPPORT = (
    "items",
    "fields",
    "visit_plan",
    "reconciliation",
    "reconciliation_runs",
)  # one row per collected value, per column of the study's tables, per planned visit, per result of a reconciliation, per reconciliation
REFERENCE = tuple(path.stem for path in sorted((SQL / "reference").glob("*.csv")))  # units and limits that checks read


@dataclass(frozen=True)
class Column:
    """One standard column; `source` names the collected text it is derived from, `synonyms` other spellings in extracts."""

    name: str
    type: str
    label: str
    role: str
    codelist: str
    source: str
    synonyms: tuple[str, ...]

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.type]


def quote(identifier: str) -> str:
    """Any text as one SQL identifier."""
    if "\0" in identifier:
        raise CdmError(f"{identifier!r} can't be a name: it holds a NUL character.")
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Any text as one SQL string."""
    return "'" + text.replace("'", "''") + "'"


def read_columns(path: Path) -> tuple[Column, ...]:
    """The columns listed in one standard/<table>.csv (also a study's own tables/<table>.csv)."""
    with path.open(encoding="utf-8", newline="") as file:
        columns = []
        for row in csv.DictReader(file):
            if row["type"] not in SQL_TYPES or row["role"] not in ROLES:
                raise CdmError(
                    f"{path}: column {row['name']!r} must have a type of {', '.join(SQL_TYPES)} and a role of {', '.join(ROLES)}."
                )
            synonyms = tuple(part for part in (row.get("synonyms") or "").split("|") if part)
            columns.append(
                Column(row["name"], row["type"], row["label"], row["role"], row["codelist"], row["source"], synonyms)
            )
    return tuple(columns)


@cache
def tables() -> dict[str, tuple[Column, ...]]:
    """Every standard table with its columns, the common ones first; a table may describe a common one in its own way."""
    common = read_columns(SQL / "standard" / "common.csv")
    own = {path.stem: read_columns(path) for path in sorted((SQL / "standard").glob("*.csv")) if path.stem != "common"}
    alone = ("fields", "visit_plan", "reconciliation", "reconciliation_runs", *REFERENCE)
    return {name: columns if name in alone else _with_common(common, columns) for name, columns in own.items()}


@cache
def results() -> dict[str, tuple[Column, ...]]:
    """Those tables of a run's results that measures read, with the columns that they may rely on."""
    return {path.stem: read_columns(path) for path in sorted((SQL / "standard" / "results").glob("*.csv"))}


def _with_common(common: tuple[Column, ...], own: tuple[Column, ...]) -> tuple[Column, ...]:
    named = {column.name: column for column in own}
    shared = tuple(named.pop(column.name, column) for column in common)
    return shared + tuple(named.values())


@cache
def domains() -> tuple[str, ...]:
    """The clinical tables, in alphabetical order: what subjects, visits and items are made from."""
    return tuple(name for name in tables() if name not in DERIVED + OPERATIONAL + LATER + SUPPORT + REFERENCE)


@cache
def mapped() -> tuple[str, ...]:
    """The tables that a study's table files may make: the clinical and the operational ones."""
    return domains() + OPERATIONAL


@cache
def codelists() -> dict[str, tuple[str, ...]]:
    """The permitted values of the few code lists that checks of raw data need."""
    with (SQL / "codelists.csv").open(encoding="utf-8", newline="") as file:
        lists: dict[str, tuple[str, ...]] = {}
        for row in csv.DictReader(file):
            lists[row["codelist"]] = (*lists.get(row["codelist"], ()), row["value"])
    return lists


def label(table: str, column: str) -> str:
    """The label of a column of a table, or of that column in any table, or its own name."""
    for name in (table, *tables()):
        for candidate in tables().get(name, ()):
            if candidate.name == column:
                return candidate.label
    return column


def load_macros(con: duckdb.DuckDBPyConnection) -> None:
    """Make the date, number and unit macros known to a connection."""
    con.execute((SQL / "macros.sql").read_text(encoding="utf-8"))


def load_reference(con: duckdb.DuckDBPyConnection) -> None:
    """Make the reference tables: units, factors and limits of laboratory tests, vital signs and electrocardiograms.

    Raises CdmError naming the file and what in it can't be read.
    """
    for name in REFERENCE:
        path, columns = SQL / "reference" / f"{name}.csv", tables()[name]
        con.execute(f"CREATE TABLE {name} ({', '.join(f'{c.name} {c.sql_type}' for c in columns)})")
        with path.open(encoding="utf-8", newline="") as file:
            rows = [[row[c.name] or None for c in columns] for row in csv.DictReader(file)]
        marks = ", ".join([f"({', '.join('?' * len(columns))})"] * len(rows))
        try:
            con.execute(f"INSERT INTO {name} VALUES {marks}", [value for row in rows for value in row])
        except duckdb.ConversionException as error:
            raise CdmError(f"{path}: {error}") from None


@cache
def macros_only() -> duckdb.DuckDBPyConnection:
    """An in-memory connection that knows the macros, for a look at files."""
    con = duckdb.connect(config={"threads": 1})
    load_macros(con)
    return con


def empty_database(of: dict[str, tuple[Column, ...]] | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory database with the macros, the reference tables, and every standard table, or those given, empty and whole."""
    con = duckdb.connect(config={"threads": 1})
    load_macros(con)
    load_reference(con)
    for name, columns in (of or tables()).items():
        if name not in REFERENCE:
            con.execute(f"CREATE TABLE {name} ({', '.join(f'{quote(c.name)} {c.sql_type}' for c in columns)})")
    return con
