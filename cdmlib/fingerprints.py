"""Fingerprints of a stored dataset: per group of subjects the number of its rows and the sum of their hashes, so that two can be compared by them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import duckdb

from cdmlib.readers import LAYOUTS, rave
from cdmlib.standard import literal, quote
from cdmlib.study import Source

GROUPS = 262_144  # of subjects; few changed subjects then share a group with an unchanged one
FROM = 100_000  # rows; comparing all rows of a smaller dataset is as quick
PROVENANCE = ("source_row", "source_file")  # where a row stood in its file is not data


def ignored(source: Source | None, columns: Sequence[str]) -> set[str]:
    """The columns (in lower case) whose changes are not changes of data: what the layout and study.toml say, and where a row stood."""
    layout = LAYOUTS[source.layout] if source else LAYOUTS["rave"]
    saved = (*layout.saved, *(() if rave.missing(columns) else rave.SAVED), *(source.ignore if source else ()))
    return {*PROVENANCE, *(column.casefold() for column in saved)}


def row(columns: int) -> str:
    """The hash of a row c0, c1, …: hashed twice, as the hash of several columns alone is too regular to be summed."""
    return f"hash(hash({', '.join(f'c{i}' for i in range(columns))}))"


def group(columns: int, subject: int | None) -> str:
    """The group of a row c0, c1, …: by its subject, or by the whole row where there is none."""
    of = f"c{subject}" if subject is not None else ", ".join(f"c{i}" for i in range(columns))
    return f"CAST(hash({of}) % {GROUPS} AS INTEGER)"


def renamed(path: Path, columns: Sequence[str]) -> str:
    """A SELECT of these columns of a Parquet file as c0, c1, …"""
    return f"SELECT {', '.join(f'{quote(name)} AS c{i}' for i, name in enumerate(columns))} FROM read_parquet({literal(str(path))})"


def computed(path: Path, columns: Sequence[str], subject: int | None) -> str:
    """A SELECT that computes the fingerprints (part, n, h) of a Parquet file."""
    n = len(columns)
    rows = f"SELECT {group(n, subject)} AS part, {row(n)} AS h FROM ({renamed(path, columns)})"
    return f"SELECT part, count(*) AS n, sum(h) AS h FROM ({rows}) GROUP BY part"


def store(path: Path, source: Source, columns: Sequence[str], subject: str) -> dict:
    """Write the fingerprints of the Parquet file `path` beside it; returns what the manifest says of them.

    They are read off the file just written: its columns are packed by value, so that each text is hashed once, which
    takes a third of the time that hashing the batches on their way takes.
    """
    left_out = ignored(source, columns) - {subject.casefold()}
    covered = [column for column in columns if column.casefold() not in left_out]
    if not covered:
        return {}
    place = covered.index(subject) if subject else None
    file = _beside(path)
    with duckdb.connect(config={"threads": 1}) as con:
        con.execute("SET enable_progress_bar = false")
        # sums may pass 2^64, and Parquet has no whole numbers beyond
        con.execute(
            f"""COPY (SELECT part, n, CAST(h AS DECIMAL(38, 0)) AS h FROM ({computed(path, covered, place)}) ORDER BY part)
                TO {literal(str(file))} (FORMAT parquet, COMPRESSION zstd)"""
        )
    said = {"columns": covered, "subject": subject, "groups": GROUPS, "duckdb": duckdb.__version__}
    return said | {"of": _footer(path), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def stored(path: Path, said: dict, columns: Sequence[str], subject: str) -> tuple[str, str]:
    """A SELECT of the stored fingerprints (part, n, h) of the Parquet file `path`, and a note when they can't be trusted.

    said: what the manifest says of them. Empty when there are none, or none over just these columns, by this subject and
    with the hash of this DuckDB. A note only when they or the file that they are of are not as they were stored.
    """
    here = {"columns": list(columns), "subject": subject, "groups": GROUPS, "duckdb": duckdb.__version__}
    if not said or any(said.get(name) != value for name, value in here.items()):
        return "", ""
    file = _beside(path)
    if not file.exists():
        return "", f"{file.name} is missing, so all rows were read"
    if hashlib.sha256(file.read_bytes()).hexdigest() != said.get("sha256"):
        return "", f"{file.name} is not as it was stored, so it was not used and all rows were read"
    if _footer(path) != said.get("of"):
        return "", f"{path.name} is not as it was stored: its fingerprints were not used and all rows were read"
    return f"SELECT part, n, CAST(h AS HUGEINT) AS h FROM read_parquet({literal(str(file))})", ""


def _beside(path: Path) -> Path:
    """Where they stand: a name that no dataset can have, whose files all end in .parquet."""
    return path.with_suffix(".fingerprints")


def _footer(path: Path) -> str:
    """SHA-256 of the end of a Parquet file, which describes each part of it: place, size, rows, lowest and highest value."""
    with path.open("rb") as file:
        file.seek(-8, 2)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, 2)
        return hashlib.sha256(file.read()).hexdigest()
