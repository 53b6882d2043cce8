"""Acts written to a journal in SQLite, one by one and in batches, against raw sqlite3 inserts that are as durable."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from pathlib import Path

from cdmlib import journal
from cdmlib import study as studies
from cdmlib.journal import Act

TOML = '[study]\nid = "bench"\ntitle = "Bench"\n\n[sources.edc]\nlayout = "csv"\n'
SIZES = ((1, 100), (10, 40), (1000, 5))  # acts an append, appends
ROUNDS = 3


def acts(count: int) -> list[Act]:
    return [
        Act("review.status", f"F{n:06d}", "status", "new", "reviewed", "as the site confirmed") for n in range(count)
    ]


def through_the_journal(folder: Path, size: int, times: int) -> float:
    """Seconds for `times` appends of `size` acts."""
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    study = studies.read(folder / "study.toml")
    journal.append(study, "bench", "programmer", acts(1))
    started = time.perf_counter()
    for _ in range(times):
        journal.append(study, "bench", "programmer", acts(size))
    return time.perf_counter() - started


def raw(folder: Path, size: int, times: int) -> float:
    """Seconds for as many rows of the same width in as many transactions, with one connection and no chain."""
    con = sqlite3.connect(folder / "raw.db", isolation_level=None)
    con.execute("PRAGMA synchronous = EXTRA")
    con.execute(f"CREATE TABLE journal ({', '.join(journal.NAMES)})")
    insert = f"INSERT INTO journal VALUES ({', '.join('?' * len(journal.NAMES))})"
    started = time.perf_counter()
    for _ in range(times):
        con.execute("BEGIN IMMEDIATE")
        con.executemany(
            insert,
            [
                ("bench", 1, "u" * 32, "+00:00", "bench", "programmer", *vars(act).values(), "", "", "h" * 64, "h" * 64)
                for act in acts(size)
            ],
        )
        con.execute("COMMIT")
    return time.perf_counter() - started


def verified(folder: Path, count: int) -> float:
    """Seconds to verify a journal of so many entries."""
    (folder / "study.toml").write_text(TOML, encoding="utf-8")
    study = studies.read(folder / "study.toml")
    journal.append(study, "bench", "programmer", acts(count))
    started = time.perf_counter()
    journal.verify(study)
    return time.perf_counter() - started


def main() -> None:
    print(f"SQLite {sqlite3.sqlite_version}, every commit on disk; median of {ROUNDS} rounds, taken in turn")
    for size, times in SIZES:
        ratios, rates = [], []
        for _ in range(ROUNDS):
            with tempfile.TemporaryDirectory() as folder:
                journalled, plain = through_the_journal(Path(folder), size, times), raw(Path(folder), size, times)
            ratios.append(journalled / plain)
            rates.append((size * times / journalled, size * times / plain))
        middle = ratios.index(sorted(ratios)[ROUNDS // 2])
        print(
            f"{size:>5} acts an append: {rates[middle][0]:>9,.0f} acts/s; raw inserts {rates[middle][1]:>9,.0f} rows/s; ratio {ratios[middle]:.2f}"
        )
    with tempfile.TemporaryDirectory() as folder:
        print(f"verify: {100_000 / verified(Path(folder), 100_000):,.0f} entries/s")


if __name__ == "__main__":
    main()
