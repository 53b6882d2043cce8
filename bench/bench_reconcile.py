"""How long reconciliations take, beside a plain hash join of the same tables on one thread.

100,000 adverse events against 20,000 safety cases (paired by evidence), and a million laboratory results on both sides (paired by key).
"""

from __future__ import annotations

import time

import duckdb

from cdmlib import reconcile, standard
from cdmlib.reconcile import Plan, Source

TERMS = "['Headache', 'Nausea', 'Heart failure', 'Stroke', 'Back pain', 'Pneumonia', 'Hip fracture', 'Atrial fibrillation', 'Dizziness', 'Renal failure']"
TABLES = {
    "subjects": "SELECT 'S' || i AS subjid, 'S' || i AS record_key, '01' AS siteid FROM range(5000) t(i)",
    "ae": f"""SELECT 'AE|' || i AS record_key, '01' AS siteid, 'S' || (i % 5000) AS subjid, {TERMS}[CAST(1 + hash(i) % 10 AS BIGINT)] AS aeterm,
                     strftime(DATE '2024-01-01' + CAST(hash(i * 7) % 500 AS INTEGER), '%Y-%m-%d') AS aestdtc, CASE WHEN i % 5 = 0 THEN 'Y' ELSE 'N' END AS aeser,
                     'RECOVERED/RESOLVED' AS aeout FROM range(100000) t(i)""",
    "safety": f"""SELECT 'CASE|' || i AS record_key, CAST(NULL AS VARCHAR) AS siteid, 'S' || (5 * i % 5000) AS subjid, i AS case_number, '1' AS event_number,
                         {TERMS}[CAST(1 + hash(5 * i) % 10 AS BIGINT)] AS term,
                         strftime(DATE '2024-01-01' + CAST(hash(35 * i) % 500 + CASE WHEN i % 20 = 0 THEN 3 ELSE 0 END AS INTEGER), '%Y-%m-%d') AS onset_on,
                         'Y' AS serious, 'Recovered' AS outcome FROM range(20000) t(i)""",
    "lb": """SELECT 'LB|' || i AS record_key, '01' AS siteid, 'S' || (i % 5000) AS subjid, 'V' || (i // 100000) AS visit, 'T' || (i // 5000 % 20) AS lbtestcd,
                    CAST(hash(i) % 100 AS VARCHAR) AS lborres, 'mg/dL' AS lborresu, '2024-01-0' || (1 + i // 200000) AS lbdtc FROM range(1000000) t(i)""",
    "lbx": """SELECT 'X|' || i AS record_key, '01' AS siteid, 'S' || (i % 5000) AS subjid, 'V' || (i // 100000) AS visit, 'T' || (i // 5000 % 20) AS testcd,
                     CAST(hash(i) % 100 + CASE WHEN i % 1000 = 0 THEN 20 ELSE 0 END AS VARCHAR) AS result, 'mg/dL' AS unit,
                     '2024-01-0' || (1 + i // 200000) AS collected_on FROM range(1000000) t(i)""",
}
JOINS = {
    "sae": "SELECT count(*), sum(CASE WHEN aestdtc <> onset_on THEN 1 END) FROM ae JOIN safety ON ae.subjid = safety.subjid AND aeterm = term",
    "lab_results": "SELECT count(*), sum(CASE WHEN lborres <> result THEN 1 END) FROM lb JOIN lbx ON lb.subjid = lbx.subjid AND lb.visit = lbx.visit AND lbtestcd = testcd",
}


def plan(con: duckdb.DuckDBPyConnection, name: str) -> Plan:
    """A ready-made reconciliation on those columns that the tables here have."""
    declared = reconcile._ready(reconcile.ready_made()[name])
    sides = {}
    for which in ("left", "right"):
        side = getattr(declared, which)
        there = tuple(row[0] for row in con.execute(f"DESCRIBE {side.table}").fetchall())
        absent = [c for c in standard.tables()[side.table] if c.name not in there]
        nulls = "".join(f", CAST(NULL AS {c.sql_type}) AS {c.name}" for c in absent)
        sides[which] = Source(side, which, f"SELECT *{nulls} FROM {side.table}", {}, there, there)
    wanted = ("term", "onset", "serious", "outcome", "visit", "test", "collected", "result")
    return Plan(
        name, declared, sides["left"], sides["right"], {n: f for n, f in declared.fields.items() if n in wanted}, ()
    )


def main() -> None:
    con = duckdb.connect(config={"threads": 1})
    standard.load_macros(con)
    for name, sql in TABLES.items():
        con.execute(f"CREATE TABLE {name} AS {sql}")
    columns = ", ".join(f"{c.name} {c.sql_type}" for c in standard.tables()["reconciliation"])
    con.execute(f"CREATE TABLE reconciliation ({columns})")
    for name, join in JOINS.items():
        started = time.perf_counter()
        con.execute(join).fetchall()
        plain = time.perf_counter() - started
        started = time.perf_counter()
        left, right, agree, differ, only_left, only_right, ambiguous, _ = reconcile.run(con, plan(con, name))
        took = time.perf_counter() - started
        print(
            f"{name:<12} {left:>9,} x {right:>9,} records: {took:6.1f} s, {took / plain:6.1f} times a plain hash join of {plain:.2f} s; "
            f"{agree:,} agree, {differ:,} differ, {only_left:,} only left, {only_right:,} only right, {ambiguous:,} offered"
        )


if __name__ == "__main__":
    main()
