"""A Markdown table of cases beside a check: its unit test, its documentation and its validation evidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from cdmlib import standard
from cdmlib.errors import CdmError, listed
from cdmlib.sqlfile import SqlFile, parameter

AS_OF = "2024-06-30"  # the cut-off date in every case table that does not set `$as_of = …`
Columns = dict[str, tuple[standard.Column, ...]]
OVERRIDE = re.compile(r"\$(\w+)\s*=\s*(.+)")


@dataclass(frozen=True)
class Case:
    """One line of a case table: the rows it puts into the tables, whether a finding is expected on it, and why."""

    number: int
    rows: tuple[tuple[str, dict[str, str]], ...]  # (table, column → text)
    key: str
    finding: bool
    because: str
    has_empty_cell: bool


@dataclass(frozen=True)
class CaseTable:
    """One Markdown table with the parameters set above it; its lines are loaded together."""

    cases: tuple[Case, ...]
    params: dict[str, float | str] = field(default_factory=dict)


@dataclass(frozen=True)
class MeasureCase:
    """Rows, and the lines that a measure must make of them and no others; `offset`: lines of the tables before."""

    rows: tuple[Case, ...]
    expected: tuple[dict[str, str], ...]
    params: dict[str, float | str]
    offset: int


@dataclass(frozen=True)
class CaseResult:
    """How one case went: `passed` when the finding expected, and no other, was made on it."""

    check_id: str
    number: int
    expected: str
    got: str
    because: str
    passed: bool


def path_of(check: SqlFile) -> Path:
    """The case file beside a check."""
    return check.path.with_suffix(".md")


def read(check: SqlFile, columns: Columns | None = None) -> list[CaseTable]:
    """The case tables of a check. Raises CdmError when there are none or when they leave out what each must show.

    columns: the tables and columns that a case may fill; the standard ones when not given.
    """
    path = path_of(check)
    if not path.exists():
        raise CdmError(
            f"{check.path}: has no cases. Write {path.name} beside it with a Markdown table of example rows."
        )
    tables, number = [], 0
    for params, block in _blocks(path):
        cases = _table(path, block, number, columns or standard.tables())
        number += len(cases)
        tables.append(CaseTable(tuple(cases), params))
    cases = [case for table in tables for case in table.cases]
    problems = []
    if not any(case.finding for case in cases):
        problems.append("no case expects a finding")
    if all(case.finding for case in cases):
        problems.append("no case expects none")
    if not any(case.has_empty_cell for case in cases):
        problems.append("no case has an empty cell: say what happens when a value is missing")
    problems += [f"line {case.number} does not say why (`because`)" for case in cases if not case.because]
    if problems:
        raise CdmError(listed(problems, f"{path}:"))
    return tables


def _blocks(path: Path) -> Iterator[tuple[dict[str, float | str], list[str]]]:
    """Each Markdown table of a case file: the parameters set above it, and its lines."""
    params, block = {}, []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.strip().startswith("|"):
            block.append(line.strip())
            continue
        if block:
            yield params, block
            params, block = {}, []
        if override := OVERRIDE.fullmatch(line.strip()):
            params[override[1]] = override[2].strip() if override[1] == "as_of" else parameter(override[2].strip())


def _cells(path: Path, lines: list[str]) -> tuple[list[str], list[list[str]]]:
    """The header of a Markdown table and its lines, cell by cell."""
    header, rule, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    if not all(re.fullmatch(r":?-+:?", cell) for cell in rule):
        raise CdmError(f"{path}: the second line of a case table must be |---|---|…")
    return header, body


def _table(path: Path, lines: list[str], offset: int, columns: Columns) -> list[Case]:
    header, body = _cells(path, lines)
    if header[-2:] != ["finding", "because"]:
        raise CdmError(
            f"{path}: the last two columns of a case table must be finding and because; they are {header[-2:]}."
        )
    places, cases = _places(path, header[:-2], columns), []
    for index, cells in enumerate(body, start=1 + offset):
        if len(cells) != len(header):
            raise CdmError(f"{path}: case {index} has {len(cells)} cells; its header has {len(header)}.")
        if cells[-2] not in ("yes", ""):
            raise CdmError(f"{path}: case {index}: finding must be yes or empty; it is {cells[-2]!r}.")
        cases.append(_case(index, places, cells))
    return cases


def _places(path: Path, header: list[str], columns: Columns) -> list[tuple[str, str]]:
    """The (table, column) that each column of a case table fills."""
    places, table = [], None
    for name in header:
        prefix, dot, column = name.rpartition(".")
        table = prefix if dot else table
        if table not in columns or column not in {c.name for c in columns[table]}:
            raise CdmError(
                f"{path}: {name!r} is not a column of a standard table, nor one that the study adds. Write table.column, such as ae.aeterm."
            )
        places.append((table, column))
    return places


def read_measure(measure: SqlFile) -> list[MeasureCase]:
    """The cases of a measure: pairs of a table of rows and a table of what the measure makes of them, line by line.

    Raises CdmError when there are none, and when no cell of the rows is empty.
    """
    path = path_of(measure)
    if not path.exists():
        raise CdmError(f"{measure.path}: has no cases. Write {path.name} beside it with a table of rows and one of what comes out.")
    blocks, found, number = list(_blocks(path)), [], 0
    if not blocks or len(blocks) % 2:
        raise CdmError(f"{path}: must have pairs of tables: rows, then what the measure makes of them.")
    for (params, given), (_, made) in zip(blocks[::2], blocks[1::2], strict=True):
        (names, rows), (header, lines) = _cells(path, given), _cells(path, made)
        if names[-1] != "because" or header[0] != "level" or header[-1] != "because":
            raise CdmError(f"{path}: rows must end in `because`; what comes out must begin with `level` and end in `because`.")
        if uneven := [cells for cells in rows if len(cells) != len(names)] + [cells for cells in lines if len(cells) != len(header)]:
            raise CdmError(f"{path}: the line {' | '.join(uneven[0])} has not as many cells as its header.")
        places = _places(path, names[:-1], standard.tables() | standard.results())
        loaded = tuple(_case(at, places, [*cells[:-1], "", cells[-1]]) for at, cells in enumerate(rows, 1))
        expected = tuple(dict(zip(header, cells, strict=True)) for cells in lines)
        found.append(MeasureCase(loaded, expected, params, number))
        number += len(expected)
    if not any(case.has_empty_cell for table in found for case in table.rows):
        raise CdmError(f"{path}: no row has an empty cell: say what happens when a value is missing.")
    return found


def _case(number: int, places: list[tuple[str, str]], cells: list[str]) -> Case:
    values = list(zip(places, cells, strict=False))
    subject = next((cell for (_, column), cell in values if column == "subjid" and cell), str(number))
    rows: dict[str, dict[str, str]] = {}
    for (table, column), cell in values:
        if cell:
            rows.setdefault(table, {})[column] = cell
    for table, row in rows.items():
        names = {column.name for column in (standard.tables() | standard.results())[table]}
        for column, default in (
            ("subjid", subject),
            ("siteid", "01"),
            ("record_key", subject if table == "subjects" else str(number)),
        ):
            if column in names:
                row.setdefault(column, default)
    key = next((row["record_key"] for row in rows.values() if "record_key" in row), str(number))
    return Case(number, tuple(rows.items()), key, cells[-2] == "yes", cells[-1], any(not cell for cell in cells[:-2]))


def load(con: duckdb.DuckDBPyConnection, cases: Iterable[Case]) -> None:
    """Put the rows of cases into the standard tables of `con`."""
    for case in cases:
        for name, row in case.rows:
            columns = ", ".join(standard.quote(column) for column in row)
            con.execute(f"INSERT INTO {name} ({columns}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def run(check: SqlFile, con: duckdb.DuckDBPyConnection, columns: Columns | None = None) -> list[CaseResult]:
    """Run the cases of a check in `con`, a database from `standard.empty_database`, which is left empty again.

    columns: the tables and columns of that database; the standard ones when not given.
    """
    results = []
    for table in read(check, columns):
        params = {"as_of": AS_OF} | check.params | table.params
        used = {name: value for name, value in params.items() if re.search(rf"\${name}\b", check.sql)}
        con.execute("BEGIN")
        try:
            load(con, table.cases)
            found = con.execute(f"SELECT record_key FROM ({check.sql}\n)", used).fetchall()
        finally:
            con.execute("ROLLBACK")
        keys = {row[0] for row in found}
        for case in table.cases:
            hit = case.key in keys
            results.append(
                CaseResult(
                    check.id,
                    case.number,
                    "finding" if case.finding else "none",
                    "finding" if hit else "none",
                    case.because,
                    hit == case.finding,
                )
            )
        if stray := keys - {case.key for case in table.cases}:
            results.append(
                CaseResult(
                    check.id,
                    0,
                    "none",
                    "finding",
                    f"a finding on a record that no case has: {sorted(map(str, stray))}",
                    False,
                )
            )
    return results
