"""How long the transport files of the CDISC pilot take to load as text, beside pyreadstat. Reports; never fails."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat

from cdmlib.readers import extract, xpt
from cdmlib.readers.dataset import Options

REALDATA = Path(os.environ.get("CDM_REALDATA", Path(__file__).parents[2] / "shared" / "realdata"))
ROUNDS = 3


def seconds(act: Callable[[list[extract.Member]], None], files: list[extract.Member]) -> float:
    """The median time of a few rounds, after one that warms up."""
    act(files)
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        act(files)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def encoding(member: extract.Member) -> str:
    return "cp1252" if member.name.endswith("/ts.xpt") else "utf-8"  # its titles hold a byte that is not UTF-8


def ours_to_parquet(files: list[extract.Member]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for member in files:
            (dataset,) = xpt.read(member.path, member.name, Options(encoding=encoding(member)))
            schema = pa.schema([*((column, pa.string()) for column in dataset.columns), ("source_row", pa.int64())])
            with pq.ParquetWriter(f"{folder}/{dataset.name}.parquet", schema, compression="zstd") as writer:
                for batch in dataset.batches:
                    writer.write_batch(batch)


def ours_to_duckdb(files: list[extract.Member]) -> None:
    with duckdb.connect() as con:
        for member in files:
            (dataset,) = xpt.read(member.path, member.name, Options(encoding=encoding(member)))
            con.register("loaded", pa.Table.from_batches(dataset.batches))
            con.execute(f'CREATE TABLE "{dataset.name}" AS SELECT * FROM loaded')


def pyreadstat_to_duckdb(files: list[extract.Member]) -> None:
    with duckdb.connect() as con:
        for member in files:
            frame, _ = pyreadstat.read_xport(member.path, encoding=encoding(member))
            con.register("loaded", frame)
            con.execute(f'CREATE TABLE "{member.path.parent.name}" AS SELECT * FROM loaded')


def main() -> None:
    folder = REALDATA / "cdisc-pilot-sdtm"
    if not folder.is_dir():
        print(f"skipped: the CDISC pilot is not at {folder}; set CDM_REALDATA to the folder of public data")
        return
    with extract.members(folder, lambda name: name.endswith(".xpt")) as files:
        size = sum(member.path.stat().st_size for member in files)
        print(f"{len(files)} transport files, {size / 1e6:.0f} MB, median of {ROUNDS} rounds")
        theirs = seconds(pyreadstat_to_duckdb, files)
        print(f"  pyreadstat to DuckDB    {theirs:6.2f} s")
        for title, act in {"ours to Parquet": ours_to_parquet, "ours to DuckDB": ours_to_duckdb}.items():
            taken = seconds(act, files)
            print(f"  {title:<22}  {taken:6.2f} s   {theirs / taken:4.1f} times as fast")


if __name__ == "__main__":
    main()
