"""EDC queries beside the findings: nobody asks twice, what is new goes out as a file, what is resolved comes up for closing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import pandas as pd

from cdmlib import edc, journal, mart, sqlfile, standard, tables
from cdmlib.errors import CdmError
from cdmlib.findings import GONE
from cdmlib.journal import Act
from cdmlib.mart import Work
from cdmlib.study import Study

EXPORTED = "query.exported"  # the act by which the journal remembers what went into a query upload file
ADDED = ("query_id", "query_status", "query_text")


def match(work: Work) -> pd.DataFrame:
    """Put the EDC query that is about a finding beside it: query_id, query_status and query_text in the table findings.

    sql/queries/matched.sql says when a query is about a finding. Also fills queries.data_key, the record that a query
    is on, and makes the table query_targets: where a query on each finding goes. Returns one row per status of a query
    with the number of queries, of those on one known record, and of those beside a finding; no row without a listing.
    """
    con = work.con
    edc.describe(work)
    con.execute("CREATE OR REPLACE TEMP TABLE query_said (finding_id VARCHAR, text VARCHAR)")
    for (finding, _), entry in sorted(journal.state(work.study, EXPORTED).items()):
        con.execute("INSERT INTO query_said VALUES (?, ?)", [finding, entry.new])
    for column in ADDED:
        con.execute(f"ALTER TABLE findings ADD COLUMN IF NOT EXISTS {column} VARCHAR")
    con.execute(f"UPDATE findings SET {' = NULL, '.join(ADDED)} = NULL")
    _view_findings(con)
    con.execute(f"CREATE OR REPLACE TABLE query_targets AS {_sql(con, 'targets')}")
    if "status" not in tables.collected(con)["queries"]:
        return pd.DataFrame(columns=["status", "queries", "on_a_record", "beside_a_finding"])
    con.execute(f"CREATE OR REPLACE TEMP TABLE query_asked AS {_sql(con, 'asked')}")
    con.execute("UPDATE queries SET data_key = a.data_key FROM query_asked a WHERE a.query_id = queries.query_id")
    con.execute(
        f"""UPDATE findings SET query_id = m.query_id, query_status = a.status, query_text = a.text
            FROM ({_sql(con, "matched")}) m JOIN query_asked a ON a.query_id = m.query_id WHERE m.finding_id = findings.finding_id"""
    )
    return con.execute(_sql(con, "summary")).df()


def to_raise(study: Study, run: str = "", again: bool = False) -> pd.DataFrame:
    """What should be asked and has not been: a row per query, with the columns of the query upload file.

    run: whose results; the published ones when empty. again: also what was exported before.
    Raises CdmError when the findings of that run were not held against the EDC queries.
    """
    with _results(study, run) as con:
        _view_findings(con)
        con.execute("CREATE TEMP TABLE exported (finding_id VARCHAR)")
        for finding, _ in journal.state(study, EXPORTED):
            con.execute("INSERT INTO exported VALUES (?)", [finding])
        return con.execute(_sql(con, "to_raise"), {"again": again}).df()


def upload(study: Study, run: str = "", again: bool = False, actor: str = "", role: str = "") -> Path | None:
    """Write what is to be raised into the run's folder as queries_to_raise_<study>_<as of>.csv, and remember it as exported.

    UTF-8, one row per query. Returns None when there is nothing to raise. A file that is there is never written over: a
    second one of the same run is numbered. Raises CdmError when the journal can't be written; nothing counts as
    exported then, and there is no file.
    """
    if not actor:
        actor, role = journal.who(study)
    rows = to_raise(study, run, again).astype(object)
    if rows.empty:
        return None
    with _results(study, run) as con:
        run, as_of = con.execute("SELECT run, as_of FROM runs").fetchone()
    folder, name = study.folder / "runs" / run, f"queries_to_raise_{study.id}_{as_of}"
    there = len(list(folder.glob(f"{name}*.csv")))
    path = folder / f"{name}{f'_{there + 1}' if there else ''}.csv"
    text = rows.to_csv(index=False, lineterminator="\n")
    why = "exported again" if again else ""
    acts = [Act(EXPORTED, row.finding_id, new=row.text, reason=why) for row in rows.itertuples()]
    batch = hashlib.sha256(f"{study.id}|{path.name}|{text}".encode()).hexdigest()
    journal.append(study, actor, role, acts, run=run, batch=batch)
    mart.replace(path, text)
    return path


def to_close(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """EDC queries that are open or answered although what they are about is resolved; `con`: of a work or of published results."""
    _refuse_unmatched(con)
    _view_findings(con)
    return con.execute(_sql(con, "to_close")).df()


def oldest(con: duckdb.DuckDBPyConnection, rows: int = 20) -> pd.DataFrame:
    """The open and answered EDC queries that were opened longest ago; `con` as for `to_close`."""
    return con.execute(_sql(con, "oldest"), {"rows": rows}).df()


def _results(study: Study, run: str) -> duckdb.DuckDBPyConnection:
    con = mart.open_run(study, run) if run else mart.open_published(study)
    _refuse_unmatched(con)
    return con


def _refuse_unmatched(con: duckdb.DuckDBPyConnection) -> None:
    if "query_targets" not in tables.collected(con):
        raise CdmError("These results were not held against the EDC queries. Run the cleaning notebook (`cdm weekly`).")


def _sql(con: duckdb.DuckDBPyConnection, name: str) -> str:
    file = sqlfile.read(standard.SQL / "queries" / f"{name}.sql", "listing")
    return tables.with_optional(file, tables.collected(con))


def _view_findings(con: duckdb.DuckDBPyConnection) -> None:
    """The findings with `gone`: whether they are resolved or deleted; none is where findings are not followed."""
    followed = "status" in tables.collected(con)["findings"]
    added = (
        f"coalesce(status IN {GONE}, false) AS gone" if followed else "CAST(NULL AS VARCHAR) AS status, false AS gone"
    )
    con.execute(f"CREATE OR REPLACE TEMP VIEW query_findings AS SELECT *, {added} FROM findings")
