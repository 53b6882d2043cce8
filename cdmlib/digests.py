"""Digests of tables that depend on what they hold alone: not on the order of rows, the number of threads or the bytes of a file."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import duckdb

from cdmlib.standard import literal, quote


def of_table(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """SHA-256 over the names and types of a table's columns and over the hashes of its rows, sorted.

    table: anything that may follow FROM, such as a quoted table name. A row is hashed as a JSON list of its values as
    text, with null for an empty one, so that `1|2` and `1`, `2` differ.
    """
    types = "replace(column_type, 'JSON', 'VARCHAR')"  # Parquet keeps JSON as text
    columns = con.execute(f"SELECT column_name, {types} FROM (DESCRIBE SELECT * FROM {table})").fetchall()
    head = hashlib.sha256(json.dumps(columns, ensure_ascii=True).encode("ascii")).hexdigest()
    values = ", ".join(f"CAST({quote(name)} AS VARCHAR)" for name, _ in columns)
    rows = con.execute(
        f"SELECT sha256(coalesce(string_agg(h, '' ORDER BY h), '')) FROM (SELECT sha256(CAST(to_json([{values}]) AS VARCHAR)) AS h FROM {table})"
    ).fetchone()[0]
    return hashlib.sha256(f"{head}{rows}".encode("ascii")).hexdigest()


def of_parquet(path: Path) -> str:
    """The digest of the table in a Parquet file."""
    with duckdb.connect(config={"threads": 1}) as con:
        return of_table(con, f"read_parquet({literal(str(path))})")


def of_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_zip(path: Path) -> str:
    """SHA-256 over the names and contents of a zip's members (a workbook is one): not over how they are compressed."""
    with zipfile.ZipFile(path) as file:
        members = sorted((name, hashlib.sha256(file.read(name)).hexdigest()) for name in file.namelist())
    return of_json(members)


def of_json(facts: object) -> str:
    """SHA-256 of facts as JSON with sorted keys and without spaces."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()
