"""EDC queries beside the findings: nobody asks twice, what is new goes out as a file, what is resolved comes up for closing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import pandas as pd

from cdmlib import edc, journal, mart, people, sqlfile, standard, tables
from cdmlib.errors import CdmError
from cdmlib.findings import GONE
from cdmlib.journal import Act
from cdmlib.mart import Work
from cdmlib.study import Study

EXPORTED = "query.exported"  # the act by which the journal remembers what went into a query upload file
COMMENT = "query.comment"  # the act by which it keeps what people here say about an EDC query
LONGEST = 2000  # characters of a comment
ADDED = ("query_id", "query_status", "query_text")
UPLOAD = ("site", "subject", "visit", "form", "row", "field", "text", "finding_id")  # the columns of the upload file
UNSETTLED = ("Open", "Waiver expired")  # review statuses with which a finding is still to be asked
NO_LISTING = "not run: no query listing"


def match(work: Work) -> pd.DataFrame:
    """Put the EDC query that is about a finding beside it: query_id, query_status and query_text in the table findings.

    sql/queries/matched.sql says when a query is about a finding. Also fills queries.data_key, the record that a query
    is on, and makes the table query_targets: where a query on each finding goes. Returns the summary (see `summary`).
    """
    con = work.con
    edc.describe(work)
    for column in ADDED:
        con.execute(f"ALTER TABLE findings ADD COLUMN IF NOT EXISTS {column} VARCHAR")
    con.execute(f"UPDATE findings SET {' = NULL, '.join(ADDED)} = NULL")
    _prepare(con, work.study)
    con.execute(f"CREATE OR REPLACE TABLE query_targets AS {_sql(con, 'targets')}")
    if listed(con):
        con.execute(f"CREATE OR REPLACE TEMP TABLE query_asked AS {_sql(con, 'asked')}")
        con.execute("UPDATE queries SET data_key = a.data_key FROM query_asked a WHERE a.query_id = queries.query_id")
        con.execute(
            f"""UPDATE findings SET query_id = m.query_id, query_status = a.status, query_text = a.text
                FROM ({_sql(con, "matched")}) m JOIN query_asked a ON a.query_id = m.query_id WHERE m.finding_id = findings.finding_id"""
        )
    return summary(con)


def matched(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the findings of a work or of published results were held against the EDC queries."""
    return "query_targets" in tables.collected(con)


def listed(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the study gives a query listing."""
    return "status" in tables.collected(con)["queries"]


def summary(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """EDC queries by status and by who must act: queries, on_a_record, beside_a_finding; one row that says so without a listing."""
    if not listed(con):
        return pd.DataFrame({"status": [NO_LISTING], "action_owner": "", "queries": 0, "on_a_record": 0, "beside_a_finding": 0})
    return con.execute(_sql(con, "summary")).df()


def to_raise(con: duckdb.DuckDBPyConnection, study: Study, again: bool = False) -> pd.DataFrame:
    """What should be asked and has not been, a row per query: the columns of the query upload file, then what is known of it.

    con: of a work or of published results. again: also what was exported before and has no query in the EDC yet.
    Raises CdmError when the findings were not held against the EDC queries.
    """
    _refuse_unmatched(con)
    _prepare(con, study)
    return con.execute(_sql(con, "to_raise"), {"again": again}).df().astype(object)


def to_close(con: duckdb.DuckDBPyConnection, study: Study) -> pd.DataFrame:
    """EDC queries that are open or answered although what they are about is resolved; `con` as for `to_raise`.

    Raises CdmError when the study gives no query listing.
    """
    _refuse_unmatched(con)
    if not listed(con):
        raise CdmError("The study gives no query listing, so which queries could be closed is not known.")
    _prepare(con, study)
    return con.execute(_sql(con, "to_close")).df().astype(object)


def oldest(con: duckdb.DuckDBPyConnection, rows: int = 20) -> pd.DataFrame:
    """The open and answered EDC queries that were opened longest ago; `con` as for `to_raise`."""
    return con.execute(_sql(con, "oldest"), {"rows": rows}).df().astype(object).fillna("")


def upload(study: Study, again: bool = False, actor: str = "", role: str = "") -> tuple[Path | None, int]:
    """Write what is to be raised into the folder of the published run, and remember it as exported; return the file and its rows.

    The file is queries_to_raise_<study>_<as of>.csv, UTF-8, one row per query; one that is there is never written over: a
    second one is numbered. No file when there is nothing to raise. Raises CdmError when the journal can't be written; there
    is no file then, and nothing counts as exported.
    """
    if not actor:
        actor, role = people.acting(study, EXPORTED)
    with mart.open_published(study) as con:
        rows = to_raise(con, study, again)
        run, as_of = con.execute("SELECT run, as_of FROM runs").fetchone()
    if rows.empty:
        return None, 0
    text = rows[list(UPLOAD)].to_csv(index=False, lineterminator="\n")
    path = _unused(study.folder / "runs" / run, f"queries_to_raise_{study.id}_{as_of}")
    acts = [Act(EXPORTED, row.finding_id, new=row.text, reason="exported again" if row.exported_on else "") for row in rows.itertuples()]
    batch = hashlib.sha256(f"{study.id}|{path.name}|{text}".encode()).hexdigest()
    draft = path.with_name(f".{path.name}")
    try:
        mart.replace(draft, text)  # on disk before the journal says so: what counts as exported has a file
        journal.append(study, actor, role, acts, run=run, batch=batch)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path, len(rows)


def comments(study: Study) -> dict[str, journal.Entry]:
    """What people here say about EDC queries up to now, by query id; a comment that was taken away is not there."""
    return {query: entry for (query, _), entry in journal.state(study, COMMENT).items() if entry.new}


def comment(study: Study, query_id: str, was: str, text: str, actor: str = "") -> None:
    """Say something about an EDC query, for those who work here: the EDC is not told. An empty text takes the comment away.

    was: the comment that stood when the person began. actor: the person who has signed in; the acting person when empty. Raises CdmError for
    a query that the published results do not have, a comment that somebody else changed meanwhile, and more than 2,000 characters.
    """
    actor, role = people.acting(study, COMMENT, actor)
    text = text.strip()
    with mart.open_published(study) as con:
        if not listed(con) or not con.execute("SELECT count(*) FROM queries WHERE query_id = ?", [query_id]).fetchone()[0]:
            raise CdmError(f"There is no EDC query {query_id!r} in the published results.")
    if len(text) > LONGEST:
        raise CdmError(f"A comment has {LONGEST:,} characters at most; given {len(text):,}.")
    entry = journal.state(study, COMMENT).get((query_id, "comment"))
    stands = entry.new if entry else ""
    if stands not in (was, text):
        raise CdmError(f"The comment was not entered: {entry.actor} entered {stands!r} meanwhile; you had {was!r}. Look at it again first.")
    if text != stands:
        journal.append(study, actor, role, [Act(COMMENT, query_id, "comment", stands, text)])


def _unused(folder: Path, name: str) -> Path:
    number = 1
    while (path := folder / f"{name}{f'_{number}' if number > 1 else ''}.csv").exists():
        number += 1
    return path


def _refuse_unmatched(con: duckdb.DuckDBPyConnection) -> None:
    if not matched(con):
        raise CdmError("These results were not held against the EDC queries. Run the cleaning notebook (`cdm weekly`).")


def _sql(con: duckdb.DuckDBPyConnection, name: str) -> str:
    file = sqlfile.read(standard.SQL / "queries" / f"{name}.sql", "listing")
    return tables.with_optional(file, tables.collected(con))


def _prepare(con: duckdb.DuckDBPyConnection, study: Study) -> None:
    """What the SQL reads beside the mart: query_said, what was exported for each finding, and query_findings.

    The view query_findings is the findings with `gone` (resolved or deleted) and `settled` (a reviewer's status that
    still holds says that there is nothing to ask); where findings are not followed, none is.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE query_said (finding_id VARCHAR, text VARCHAR, exported_on VARCHAR)")
    for (finding, _), entry in sorted(journal.state(study, EXPORTED).items()):
        con.execute("INSERT INTO query_said VALUES (?, ?, ?)", [finding, entry.new, entry.utc[:10]])
    settled = f"review_status <> '' AND review_status NOT IN {UNSETTLED} AND NOT coalesce(review_outdated, false)"
    followed = f"coalesce(status IN {GONE}, false) AS gone, coalesce({settled}, false) AS settled"
    alone = "CAST(NULL AS VARCHAR) AS status, CAST(NULL AS VARCHAR) AS gone_on, CAST(NULL AS VARCHAR) AS because, false AS gone, false AS settled"
    added = followed if "status" in tables.collected(con)["findings"] else alone
    con.execute(f"CREATE OR REPLACE TEMP VIEW query_findings AS SELECT *, {added} FROM findings")
