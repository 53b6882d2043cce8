"""Put a run's results together as the cleaning workbook: findings by check, and the listings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd

from cdmlib import checks, sqlfile, standard, tables, workbook
from cdmlib.mart import Work, note
from cdmlib.sqlfile import SqlFile

KEYS = checks.KEYS
SEVERITIES = sqlfile.VALUES["severity"]


def summary(work: Work) -> pd.DataFrame:
    """Findings by domain and severity: one row per domain with the columns critical, major, minor and total."""
    counts = ", ".join(f"count(*) FILTER (severity = '{severity}') AS {severity}" for severity in SEVERITIES)
    return work.con.execute(f"SELECT domain, {counts}, count(*) AS total FROM findings GROUP BY domain ORDER BY domain").df()


def write(work: Work) -> Path:
    """Write the run's cleaning workbook into the run's folder and return its path."""
    path = work.folder / f"cleaning_{work.study.id}_{work.as_of}.xlsx"
    by_id = {check.id: check for check in checks.library(work.study)}
    runs = work.con.execute("SELECT check_id, outcome, n_findings, reason FROM check_runs ORDER BY check_id").fetchall()
    sheets = tuple(_check_sheet(work.con, by_id[id_], outcome, n, reason) for id_, outcome, n, reason in runs)
    listings = tuple(_listing_sheet(work, listing) for listing in sqlfile.read_folder(standard.SQL / "listings", "listing"))
    book = workbook.Workbook(work.study.id, work.study.study.title, work.as_of, work.run, work.snapshot.id, _facts(work), sheets, listings)
    workbook.write(path, book)
    note(work.study, work.run, workbook=path.name)
    return path


def _facts(work: Work) -> tuple[tuple[str, object], ...]:
    datasets = work.snapshot.datasets
    severities = dict(work.con.execute("SELECT severity, count(*) FROM findings GROUP BY severity").fetchall())
    return (
        ("Subjects", work.con.execute("SELECT count(*) FROM subjects").fetchone()[0]),
        ("Datasets", len(datasets)),
        ("Rows stored", sum(d.rows_stored for d in datasets)),
        ("Rows quarantined", sum(d.rows_quarantined for d in datasets)),
        *((f"Findings, {severity}", severities.get(severity, 0)) for severity in SEVERITIES),
    )


def _check_sheet(con: duckdb.DuckDBPyConnection, check: SqlFile, outcome: str, n: int, reason: str) -> workbook.CheckSheet:
    evidence = _evidence(con, check.id) if n else []
    columns = (*KEYS, *evidence, "message", "finding_id")
    shown = {name for name in check.placeholders if name in evidence}
    return workbook.CheckSheet(
        check.id, check.title, check.domain, check.header["severity"], check.header["action"], outcome, reason, n, check.note,
        columns, frozenset(shown), _finding_rows(con, check.id, evidence) if n else (),
    )  # fmt: skip


def _evidence(con: duckdb.DuckDBPyConnection, check_id: str) -> list[str]:
    """The evidence columns of a check, in the order its SELECT gave them."""
    return list(json.loads(con.execute("SELECT evidence FROM findings WHERE check_id = ? LIMIT 1", [check_id]).fetchone()[0]))


def _finding_rows(con: duckdb.DuckDBPyConnection, check_id: str, evidence: list[str]) -> Iterator[tuple]:
    values = "".join(f", evidence ->> {standard.literal(name)}" for name in evidence)
    sql = f"SELECT {', '.join(KEYS)}{values}, message, finding_id FROM findings WHERE check_id = ? ORDER BY siteid, subjid, visit, record_key, field, finding_id"
    yield from _stream(con, sql, [check_id])


def _listing_sheet(work: Work, listing: SqlFile) -> workbook.ListingSheet:
    sql = tables.with_optional(listing, tables.collected(work.con))
    params = checks.used_params(sql, {"as_of": work.as_of} | listing.params)
    try:
        columns = tuple(tables.columns_of(work.con, sql, params))
        n = work.con.execute(f"SELECT count(*) FROM ({sql}\n)", params).fetchone()[0]
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        reason = checks.not_collected(work.con, listing, tables.collected(work.con), str(error)) or tables.reason(error)
        return workbook.ListingSheet(listing.id, listing.title, f"Not made: {reason}.", (), 0, ())
    return workbook.ListingSheet(listing.id, listing.title, listing.note, columns, n, _stream(work.con, sql, params))


def _stream(con: duckdb.DuckDBPyConnection, sql: str, params: object) -> Iterator[tuple]:
    cursor = con.cursor().execute(sql, params)
    while rows := cursor.fetchmany(10_000):
        yield from rows
