"""Cell-level difference of two big snapshots, beside one hash scan of both files and beside a pandas merge; prints the ratios.

`python bench/bench_changes.py [ROWS] [ROWS_FOR_PANDAS] [subject|visit]` (default 10000000 1000000 subject): 16 columns of a
central laboratory, 500 records a subject, 1 % of the rows changed, all of them in 5 % of the subjects. The rows stand in
order of subject, or of visit so that no subject's rows are together. Compared with the fingerprints that an ingest stores and,
as snapshots of before that are, without them. Each measurement has a process of its own.
"""

from __future__ import annotations

import multiprocessing
import resource
import statistics
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import duckdb
import pandas as pd

from cdmlib import changes, fingerprints
from cdmlib.snapshot import Snapshot, Stored
from cdmlib.study import Source, Study

ROUNDS, PER_SUBJECT, MEMORY = 3, 500, "240MB"
COLUMNS = {
    "RecordId": "CAST(7000000 + id AS VARCHAR)",
    "Subject": "printf('%03d-%05d', s % 97, s)",
    "SiteNumber": "printf('%03d', s % 97)",
    "Visit": "'Week ' || (j // 25)",
    "LBTESTCD": "'TEST' || (j % 25)",
    "LBTEST": "'Laboratory test number ' || (j % 25)",
    "LBCAT": "if(j % 2 = 0, 'CHEMISTRY', 'HAEMATOLOGY')",
    "LBORRES": "CAST(CAST(hash(id, 2) % 10000 AS INTEGER) / 10 AS VARCHAR)",
    "LBORRESU": "CASE CAST(hash(j % 25, 3) % 3 AS INTEGER) WHEN 0 THEN 'mmol/L' WHEN 1 THEN 'g/L' ELSE 'U/L' END",
    "LBORNRLO": "CAST(hash(j % 25) % 10 AS VARCHAR)",
    "LBORNRHI": "CAST(50 + hash(j % 25) % 10 AS VARCHAR)",
    "LBDTC": "strftime(TIMESTAMP '2024-01-01' + INTERVAL 1 MINUTE * CAST(hash(s, j // 25) % 525600 AS INTEGER), '%Y-%m-%dT%H:%M')",
    "LBSPEC": "if(hash(id, 5) % 3 = 0, NULL, 'SERUM')",
    "LBNAM": "'Central laboratory ' || (hash(s, 5) % 4)",
    "LBREFID": "printf('A%011d', s * 20 + j // 25)",
    "LBCOM": "if(hash(id, 6) % 10 = 0, 'Comment ' || (hash(id) % 100000), NULL)",
}


def make(folder: str, rows: int, order: str) -> int:
    """Write both snapshots below `folder`; returns how many rows differ. The numbers come from hashes of fixed seeds."""
    con = duckdb.connect(config={"threads": 2, "memory_limit": "1GB", "temp_directory": f"{folder}/spill"})
    con.execute("SET enable_progress_bar = false")
    subjects = max(1, rows // PER_SUBJECT)
    place = (
        f"i // {PER_SUBJECT} AS s, i % {PER_SUBJECT} AS j"
        if order == "subject"
        else f"i % {subjects} AS s, i // {subjects} AS j"
    )
    how = "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 51200)"
    first, second = (f"{folder}/{name}/lab.LB.parquet" for name in ("before", "after"))
    for name in ("before", "after"):
        (Path(folder) / name).mkdir()
    con.execute(
        f"""COPY (SELECT {", ".join(f"{sql} AS {name}" for name, sql in COLUMNS.items())}, i + 2 AS source_row
                  FROM (SELECT *, s * {PER_SUBJECT} + j AS id FROM (SELECT i, {place} FROM range({rows}) t(i)))) TO '{first}' {how}"""
    )
    changed = "hash(Subject, 7) % 20 = 0 AND hash(RecordId, 8) % 5 = 0"
    con.execute(
        f"COPY (SELECT * REPLACE (if({changed}, LBORRES || '0', LBORRES) AS LBORRES) FROM '{first}') TO '{second}' {how}"
    )
    return con.execute(f"SELECT count(*) FROM '{first}' WHERE {changed}").fetchone()[0]


def stored(folder: str) -> tuple[list[dict], float]:
    """Store the fingerprints of both as an ingest does; returns what their manifests say, and the seconds of the processor."""
    started = time.process_time()
    source = Source(layout="csv")
    said = [fingerprints.store(Path(folder) / name / "lab.LB.parquet", source, list(COLUMNS), "Subject") for name in ("before", "after")]
    return said, time.process_time() - started


def snapshots(folder: str, rows: int, said: list[dict]) -> list[Snapshot]:
    made = []
    for name, of in zip(("before", "after"), said or ({}, {}), strict=True):
        dataset = Stored("lab", "LB", "LB.csv", rows, rows, 0, "Subject", rows // PER_SUBJECT, list(COLUMNS), {}, [], of)
        made.append(Snapshot(Path(folder) / name, name, name, 1, name, [], [dataset], "", [], ""))
    return made


def ours(folder: str, rows: int, threads: int, said: list[dict]) -> tuple[list[tuple], list[tuple], int, float]:
    """Seconds, by the clock and of the processor, of each hash scan of both files and each `between`; cells found; peak memory in MB."""
    study = Study(study={"id": "bench", "title": "Benchmark"}, sources={"lab": {"layout": "csv"}}, folder=Path(folder))
    before, after = snapshots(folder, rows, said)
    con = duckdb.connect(config={"threads": threads, "memory_limit": MEMORY, "temp_directory": f"{folder}/spill"})
    scans, betweens = [], []
    scan = " + ".join(
        f"(SELECT sum(hash({', '.join(COLUMNS)})) FROM '{side.parquet(side.datasets[0])}')" for side in (before, after)
    )
    con.execute("SET enable_progress_bar = false")
    for _ in range(ROUNDS):
        started = time.perf_counter(), time.process_time()
        con.execute(f"SELECT {scan}").fetchall()
        scans.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        started = time.perf_counter(), time.process_time()
        summary = changes.between(con, study, before, after)
        betweens.append((time.perf_counter() - started[0], time.process_time() - started[1]))
    return scans, betweens, int(summary.values_changed.sum()), peak()


def merge(folder: str, rows: int) -> tuple[float, int, float]:
    """Seconds of the usual pandas way: read both, merge on the key, compare column by column; cells; peak memory."""
    started = time.perf_counter()
    old, new = (pd.read_parquet(side.parquet(side.datasets[0])) for side in snapshots(folder, rows, []))
    both = old.merge(new, on="RecordId", how="outer", suffixes=("_old", "_new"), indicator=True)
    cells = 0
    for column in list(COLUMNS)[1:]:
        a, b = both[f"{column}_old"], both[f"{column}_new"]
        cells += len(both.loc[(a != b) & ~(a.isna() & b.isna()), ["RecordId", f"{column}_old", f"{column}_new"]])
    return time.perf_counter() - started, cells, peak()


def peak() -> float:
    """The most memory this process has had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(rows: str = "10000000", rows_for_pandas: str = "1000000", order: str = "subject") -> None:
    """Make the snapshots, measure at both sizes, print seconds, ratios and peak memory."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for size in sorted({int(rows), int(rows_for_pandas)}, reverse=True):
            with tempfile.TemporaryDirectory() as folder:
                different = pool.submit(make, folder, size, order).result()
                print(
                    f"{size:,} rows x {len(COLUMNS)} columns in order of {order}, {different:,} differ, DuckDB limited to {MEMORY}"
                )
                said, seconds = pool.submit(stored, folder).result()
                print(f"  fingerprints of both stored in {seconds:.2f} s of processor time")
                for of, threads in ((said, 2), (said, 1), ([], 2), ([], 1)):
                    scans, betweens, cells, memory = pool.submit(ours, folder, size, threads, of).result()
                    assert cells == different, f"{cells} cells found, {different} changed"
                    clock, processor = (
                        statistics.median(b[i] / a[i] for a, b in zip(scans, betweens, strict=True)) for i in (0, 1)
                    )
                    scanned, usual = (statistics.median(seconds[0] for seconds in each) for each in (scans, betweens))
                    print(
                        f"  {'with' if of else 'without'} stored fingerprints, {threads} thread(s): hash scan {scanned:5.2f} s, between {usual:5.2f} s, "
                        f"ratio {clock:.2f} by the clock, {processor:.2f} of processor time; peak {memory:,.0f} MB"
                    )
                if size == int(rows_for_pandas):
                    seconds, cells, memory = pool.submit(merge, folder, size).result()
                    assert cells == different, f"{cells} cells found by pandas, {different} changed"
                    print(
                        f"  pandas merge: {seconds:.2f} s, {seconds / usual:.1f} times between without fingerprints "
                        f"on one thread; peak {memory:,.0f} MB"
                    )


if __name__ == "__main__":
    main(*sys.argv[1:])
