"""The check library in words: which checks there are, what each needs, how a study has set it, and one check explained."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import duckdb

from cdmlib import cases, checks, standard, tables
from cdmlib.errors import CdmError
from cdmlib.sqlfile import SqlFile
from cdmlib.standard import quote
from cdmlib.study import Study


@dataclass(frozen=True)
class Need:
    """One standard table that a check reads: the columns without which it can't run, and those used when collected.

    The keys that every record has (record_key, siteid, subjid, visit, form) and the library's reference tables are not named.
    """

    table: str
    columns: tuple[str, ...]
    optional: tuple[str, ...]
    optional_table: bool

    @property
    def said(self) -> str:
        """`ae: aeterm, aestdtc (aesev when collected)`, or `ex when collected: exdose`."""
        table = f"{self.table} when collected" if self.optional_table else self.table
        also = f"({', '.join(self.optional)} when collected)" if self.optional else ""
        text = " ".join(part for part in (", ".join(self.columns), also) if part)
        return f"{table}: {text}" if text else table


@dataclass(frozen=True)
class Entry:
    """One check as it stands in the catalogue: `params` with the study's own values, `off` with the study's reason."""

    check: SqlFile
    needs: tuple[Need, ...]
    params: dict[str, float | str]
    changed: tuple[str, ...]  # parameters that the study set
    off: str
    own: bool  # the study's own check, not one of the library

    @property
    def params_said(self) -> str:
        """`limit = 200, days = 7 (study)`."""
        return ", ".join(
            f"{name} = {value}" + (" (study)" if name in self.changed else "") for name, value in self.params.items()
        )

    @property
    def needs_said(self) -> str:
        return "; ".join(need.said for need in self.needs)


def entries(
    study: Study | None = None,
    domain: str = "",
    severity: str = "",
    action: str = "",
    text: str = "",
    only: Sequence[str] = (),
) -> list[Entry]:
    """The checks of the library and of a study, by id, that meet every filter given.

    text: found in id, title, message or note, whatever the case. Raises CdmError for a domain without checks and for an
    unknown id, each with what there is.
    """
    checks_there = checks.library(study)
    checks.refuse_unknown(study, checks_there)
    known = sorted({check.domain for check in checks_there})
    if domain and domain.lower() not in known:
        raise CdmError(f"No check is about {domain!r}. There are checks about {', '.join(known)}.")
    ids = {check.id for check in checks_there}
    if unknown := [id_ for id_ in only if id_.upper() not in ids]:
        near = sorted(id_ for id_ in ids if id_[:2] == unknown[0][:2].upper())
        there = f"there are {', '.join(near)}" if near else "`cdm checks` lists them"
        raise CdmError(f"There is no check {', '.join(unknown)}; {there}.")
    con = standard.empty_database(tables.all_columns(study))
    return [
        _entry(check, study, con)
        for check in checks_there
        if (not domain or check.domain == domain.lower())
        and (not severity or check.header["severity"] == severity)
        and (not action or check.header["action"] == action)
        and (not only or check.id in {id_.upper() for id_ in only})
        and text.lower() in " ".join((check.id, check.title, check.message, check.note)).lower()
    ]


def _entry(check: SqlFile, study: Study | None, con: duckdb.DuckDBPyConnection) -> Entry:
    given = study.parameters.get(check.id, {}) if study else {}
    return Entry(
        check,
        needs(check, con),
        check.params | given,
        tuple(given),
        study.off.get(check.id, "") if study else "",
        not check.path.is_relative_to(standard.SQL),
    )


def needs(check: SqlFile, con: duckdb.DuckDBPyConnection) -> tuple[Need, ...]:
    """The tables and columns that a check reads, found by binding its SELECT with each column taken away in turn.

    con: a database with every standard table and all columns, such as `standard.empty_database`. It does not see a column
    that stands without its table's name in a subquery and that the query around it has as well.
    """
    there = tables.collected(con)
    used = sorted(con.get_table_names(re.sub(r"\$\w+", "NULL", check.sql)) & set(there) - set(standard.REFERENCE))
    text = re.sub(r"/\*.*?\*/|--[^\n]*|'[^']*'", " ", check.sql, flags=re.DOTALL).lower()
    words = set(re.findall(r"\w+", text))
    found = []
    for table in used:
        optional = tuple(part.split(".")[1] for part in check.optional if part.startswith(f"{table}."))
        keys = {column.name for column in standard.tables()[table] if column.role == "key"}
        columns = tuple(
            column
            for column in there[table]
            if column in words - keys and column not in optional and not _binds_without(check, con, table, column)
        )
        found.append(Need(table, columns, optional, table in check.optional))
    first = [need for need in found if need.table == check.domain]
    return tuple(first + [need for need in found if need.table != check.domain])


def _binds_without(check: SqlFile, con: duckdb.DuckDBPyConnection, table: str, column: str) -> bool:
    params = checks.used_params(check.sql, {"as_of": cases.AS_OF} | check.params)
    shadow = f"WITH {table} AS (SELECT * EXCLUDE ({quote(column)}) FROM main.{table})"
    try:
        con.execute(f"{shadow} SELECT * FROM ({check.sql}\n) LIMIT 0", params)
    except duckdb.BinderException:
        return False
    return True


def explained(entry: Entry) -> list[tuple[str, str]]:
    """One check as headed parts of text, in the order to read: what it is, what it asks, needs, note, its SELECT."""
    check, header = entry.check, entry.check.header
    parts = [
        ("title", check.title),
        ("about", f"{check.domain}, {header['severity']}, {header['action']}"),
        ("switched off", entry.off),
        ("message", check.message),
        ("field", ", ".join(check.fields)),
        ("parameters", entry.params_said),
        ("needs", "\n".join(need.said for need in entry.needs)),
        ("note", " ".join(re.sub(r"\n(?=- )", "\0", check.note).split()).replace("\0", "\n")),
        ("file", str(check.path)),
    ]
    return [(name, text) for name, text in parts if text]


def case_tables(check: SqlFile) -> list[tuple[str, list[str], list[list[str]]]]:
    """The case tables of a check as written: parameters set above it, the header, and the rows."""
    shown, above = [], ""
    lines = [line.strip() for line in cases.path_of(check).read_text(encoding="utf-8").splitlines()]
    for is_table, block in groupby(lines, key=lambda line: line.startswith("|")):
        block = [line for line in block if line]
        if is_table:
            header, _, *body = ([cell.strip() for cell in line.strip("|").split("|")] for line in block)
            shown.append((above, header, body))
        above = " ".join(block) if not is_table else ""
    return shown
