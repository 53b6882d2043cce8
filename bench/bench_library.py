"""The heaviest checks of laboratory and adverse events over a big study, beside one hash scan of the columns they touch.

`python bench/bench_library.py [LB_ROWS] [CHECK …]` (default 10000000 laboratory rows and a tenth as many adverse events, every
check that can run): 500 laboratory records a subject, 25 tests at 20 visits, one row in 50,000 with something wrong in it. Each
SELECT runs as in a run of the library, in one thread on a database file; prints seconds a check, and the ratio of the ten slowest together.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from cdmlib import cases, checks, sqlfile, standard, tables

ROUNDS, PER_SUBJECT, TESTS = 3, 500, 25
CODES = (
    "['ALT', 'AST', 'ALP', 'BILI', 'GGT', 'CREAT', 'UREAN', 'GLUC', 'SODIUM', 'K', 'CL', 'CA', 'PHOS', 'ALB', 'PROT', "
    "'CHOL', 'TRIG', 'HGB', 'HCT', 'RBC', 'WBC', 'NEUT', 'LYM', 'MONO', 'PLAT']"
)
UNITS = (
    "['U/L', 'U/L', 'U/L', 'umol/L', 'U/L', 'umol/L', 'mmol/L', 'mmol/L', 'mmol/L', 'mmol/L', 'mmol/L', 'mmol/L', 'mmol/L', "
    "'g/L', 'g/L', 'mmol/L', 'mmol/L', 'g/L', '%', '10^12/L', '10^9/L', '10^9/L', '10^9/L', '10^9/L', '10^9/L']"
)
MIDDLE = (
    "[25, 25, 70, 10, 25, 80, 5, 5, 140, 4.3, 103, 2.35, 1.1, 44, 72, 5, 1.3, 145, 43, 4.9, 6.5, 3.9, 1.9, 0.45, 250]"
)
DAY = "strftime(DATE '2023-01-01' + CAST(s % 300 + 14 * v AS INTEGER), '%Y-%m-%d')"
LB = {
    "record_key": "'LB|' || (7000000 + id)",
    "siteid": "printf('%03d', s % 97)",
    "subjid": "printf('%03d-%05d', s % 97, s)",
    "visit": "'Week ' || (2 * v)",
    "form": "'Laboratory'",
    "source": "'lab'",
    "dataset": "'LB'",
    "source_row": "id",
    "lbcat": "if(t < 17, 'CHEMISTRY', 'HAEMATOLOGY')",
    "lbtestcd": f"{CODES}[t + 1]",
    "lbtest": f"'Test of ' || {CODES}[t + 1]",
    "lborres": "CASE WHEN odd = 0 THEN '<5' WHEN odd = 1 THEN CAST(value * 10 AS VARCHAR) ELSE CAST(value AS VARCHAR) END",
    "lborresn": "CASE WHEN odd = 0 THEN NULL WHEN odd = 1 THEN value * 10 ELSE value END",
    "lborresu": f"if(odd = 2, NULL, {UNITS}[t + 1])",
    "lbstresn": "CASE WHEN odd = 0 THEN NULL WHEN odd = 1 THEN value * 10 ELSE value END",
    "lbstresu": f"{UNITS}[t + 1]",
    "lbornrlo": "round(0.8 * middle, 2)",
    "lbornrhi": "round(1.2 * middle, 2)",
    "lbclsig": "if(value > 1.2 * middle OR value < 0.8 * middle, 'N', NULL)",
    "lbstat": "CAST(NULL AS VARCHAR)",
    "lbreasnd": "CAST(NULL AS VARCHAR)",
    "lbspec": "if(t < 17, 'SERUM', 'BLOOD')",
    "lbrefid": "printf('A%09d', s * 20 + v)",
    "lbnam": "'Central laboratory ' || (s % 4)",
    "lbfast": "'Y'",
    "lbdat": f"if(odd = 3, NULL, {DAY})",
    "lbdtc": f"if(odd = 3, NULL, {DAY})",
}
AE = {
    "record_key": "'AE|' || i",
    "siteid": "printf('%03d', s % 97)",
    "subjid": "printf('%03d-%05d', s % 97, s)",
    "visit": "'Log'",
    "form": "'Adverse events'",
    "source": "'edc'",
    "dataset": "'AE'",
    "source_row": "i",
    "aespid": "CAST(i // subjects + 1 AS VARCHAR)",
    "aeterm": "'Event ' || (hash(i) % 2000)",
    "aestdat": "strftime(start, '%Y-%m-%d')",
    "aestdtc": "strftime(start, '%Y-%m-%d')",
    "aeendat": "if(hash(i, 2) % 9 = 0, NULL, strftime(start + CAST(hash(i, 3) % 20 AS INTEGER), '%Y-%m-%d'))",
    "aeendtc": "if(hash(i, 2) % 9 = 0, NULL, strftime(start + CAST(hash(i, 3) % 20 AS INTEGER), '%Y-%m-%d'))",
    "aeongo": "if(hash(i, 2) % 9 = 0, 'Y', 'N')",
    "aesev": "['MILD', 'MODERATE', 'SEVERE'][CAST(hash(i, 4) % 3 AS INTEGER) + 1]",
    "aeser": "'N'",
    "aeout": "if(hash(i, 2) % 9 = 0, 'NOT RECOVERED/NOT RESOLVED', 'RECOVERED/RESOLVED')",
    "aeacn": "'DOSE NOT CHANGED'",
}
SUBJECTS = {
    "record_key": "printf('%03d-%05d', s % 97, s)",
    "siteid": "printf('%03d', s % 97)",
    "subjid": "printf('%03d-%05d', s % 97, s)",
    "sex": "if(s % 2 = 0, 'M', 'F')",
    "age": "60",
    "consent_date": "strftime(DATE '2022-12-25' + CAST(s % 300 AS INTEGER), '%Y-%m-%d')",
    "first_dose": "strftime(DATE '2023-01-02' + CAST(s % 300 AS INTEGER), '%Y-%m-%d')",
    "disposition_date": "strftime(DATE '2023-12-01' + CAST(s % 300 AS INTEGER), '%Y-%m-%d')",
    "death_date": "CAST(NULL AS VARCHAR)",
    "status": "'COMPLETED'",
}


def made(con: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str], rows: str) -> None:
    """Create a standard table with these columns, the others left out as if the study did not collect them."""
    types = {column.name: column.sql_type for column in standard.tables()[table]}
    chosen = ", ".join(f"CAST({sql} AS {types[name]}) AS {name}" for name, sql in columns.items())
    con.execute(f"CREATE TABLE {table} AS SELECT {chosen} FROM ({rows})")


def make(con: duckdb.DuckDBPyConnection, rows: int) -> None:
    """The study: laboratory, adverse events, and one row per subject. All numbers come from hashes of fixed seeds."""
    subjects = max(1, rows // PER_SUBJECT)
    numbered = f"SELECT i AS id, i // {PER_SUBJECT} AS s, i % {PER_SUBJECT} // {TESTS} AS v, i % {TESTS} AS t, hash(i, 9) % 200000 AS odd FROM range({rows}) r(i)"
    middle = f"CAST({MIDDLE}[t + 1] AS DOUBLE)"
    level = (
        f"{middle} * (0.95 + CAST(hash(s, t) % 100 AS DOUBLE) / 1000) * (0.98 + CAST(hash(id) % 100 AS DOUBLE) / 2500)"
    )
    made(con, "lb", LB, f"SELECT *, {middle} AS middle, round({level}, 2) AS value FROM ({numbered})")
    events = f"SELECT i, i % {subjects} AS s, {subjects} AS subjects FROM range({rows // 10}) r(i)"
    start = "DATE '2023-01-05' + CAST(s % 300 + hash(i, 1) % 280 AS INTEGER)"
    made(con, "ae", AE, f"SELECT *, {start} AS start FROM ({events})")
    made(con, "subjects", SUBJECTS, f"SELECT i AS s FROM range({subjects}) r(i)")
    standard.load_reference(con)
    con.execute("CHECKPOINT")


def seconds(con: duckdb.DuckDBPyConnection, sql: str, params: dict) -> tuple[float, int]:
    """How long a SELECT takes with its rows fetched as Arrow, as the runner does, and how many rows it gives."""
    started = time.perf_counter()
    rows = con.execute(sql, params).to_arrow_table().num_rows
    return time.perf_counter() - started, rows


def main(rows: int = 10_000_000, *only: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        con = duckdb.connect(str(Path(folder) / "big.duckdb"), config={"threads": 1, "memory_limit": "6GB"})
        standard.load_macros(con)
        make(con, rows)
        there = tables.collected(con)
        took: dict[str, tuple[float, int, sqlfile.SqlFile]] = {}
        for check in checks.library():
            if check.domain not in ("lb", "ae") or (only and check.id not in only):
                continue
            if checks.not_collected(con, check, there):
                continue
            sql = tables.with_optional(check, there)
            took[check.id] = (*seconds(con, sql, checks.used_params(sql, {"as_of": cases.AS_OF} | check.params)), check)
        slowest = sorted(took, key=lambda id_: -took[id_][0])[:10]
        used = "\n".join(took[id_][2].sql for id_ in slowest)
        touched = {
            table: [name for name in columns if re.search(rf"\b{name}\b", used)]
            for table, columns in (("lb", LB), ("ae", AE))
            if any(took[id_][2].domain == table for id_ in slowest)
        }
        scans = [
            f"SELECT bit_xor(hash({', '.join(names)})) AS scanned FROM {table}" for table, names in touched.items()
        ]
        ratios, times, scan_times = [], {id_: [] for id_ in slowest}, []
        for _ in range(ROUNDS):
            scan = sum(seconds(con, sql, {})[0] for sql in scans)
            for id_ in slowest:
                check = took[id_][2]
                sql = tables.with_optional(check, there)
                again = seconds(con, sql, checks.used_params(sql, {"as_of": cases.AS_OF} | check.params))
                times[id_].append(again[0])
            scan_times.append(scan)
            ratios.append(sum(times[id_][-1] for id_ in slowest) / scan)
        con.close()
    print(f"{rows:,} laboratory rows, {rows // 10:,} adverse events, DuckDB {duckdb.__version__}, {len(took)} checks")
    scan = statistics.median(scan_times)
    print(f"one hash scan of {sum(map(len, touched.values()))} touched columns: {scan:.2f} s")
    for id_ in slowest:
        check_time = statistics.median(times[id_])
        print(f"  {id_} {check_time:7.2f} s  {check_time / scan:5.2f}×  {took[id_][1]:>7} rows  {took[id_][2].title}")
    print(f"the ten slowest together: {statistics.median(ratios):.1f}× the scan")
    rest = sum(took[id_][0] for id_ in took if id_ not in slowest)
    print(f"the other {len(took) - len(slowest)}: {rest:.2f} s, {rest / scan:.1f}×")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
